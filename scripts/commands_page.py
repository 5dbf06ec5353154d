"""Write docs/commands.md from the command table."""

from pathlib import Path

from seamless_lab.app.command_docs import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "commands.md"

if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
