"""One file per port and technology; the only place that imports that technology."""
