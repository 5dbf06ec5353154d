SELECT * FROM btc ORDER BY ts
FROM btc SELECT ts, close ORDER BY ts LIMIT 5
SELECT count(*), min(time), max(time), sum(volume) FROM btc
SELECT ts, close FROM btc WHERE time >= TIMESTAMPTZ '2024-01-01 02:00:00Z' ORDER BY ts
SELECT ts, close FROM btc WHERE time BETWEEN '2024-01-01' AND '2024-01-02' ORDER BY ts
SELECT date_trunc('hour', time) AS hour, avg(close) AS mean FROM btc GROUP BY ALL ORDER BY hour
SELECT time_bucket(INTERVAL '15 minutes', time) AS slot, first(open ORDER BY ts) AS open, max(high) AS high FROM btc GROUP BY slot ORDER BY slot
SELECT extract(hour FROM time) AS hour, stddev_samp(close) AS sd, corr(open, close) AS c FROM btc GROUP BY hour HAVING count(*) > 1 ORDER BY hour
WITH r AS (SELECT ts, ln(close / lag(close) OVER (ORDER BY ts)) AS r FROM btc) SELECT sqrt(365 * 24 * 60) * stddev(r) AS volatility FROM r
SELECT ts, avg(close) OVER w AS mean FROM btc WINDOW w AS (ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) ORDER BY ts
SELECT ts, close, avg(close) OVER (ORDER BY time RANGE BETWEEN INTERVAL 10 MINUTES PRECEDING AND CURRENT ROW) AS m FROM btc ORDER BY ts
SELECT * FROM btc QUALIFY row_number() OVER (ORDER BY volume DESC, ts) <= 3 ORDER BY ts
SELECT symbol, ts, close FROM coins QUALIFY rank() OVER (PARTITION BY symbol ORDER BY close DESC) = 1 ORDER BY ALL
SELECT symbol, sum(volume) AS v FROM coins GROUP BY symbol ORDER BY v DESC, symbol
SELECT b.ts, b.close / e.close AS ratio FROM btc AS b ASOF JOIN eth AS e ON b.ts >= e.ts ORDER BY b.ts
SELECT b.ts, b.close - e.close AS spread FROM btc b JOIN eth e USING (ts) ORDER BY ts
SELECT b.ts FROM btc b LEFT JOIN eth e ON b.ts = e.ts AND e.volume > 1 WHERE e.ts IS NULL ORDER BY b.ts
SELECT ts FROM btc SEMI JOIN eth USING (ts) ORDER BY ts
SELECT ts FROM btc WHERE ts NOT IN (SELECT ts FROM eth) ORDER BY ts
SELECT ts, (SELECT max(close) FROM eth WHERE eth.ts <= btc.ts) AS peak FROM btc ORDER BY ts
SELECT * FROM (PIVOT (SELECT ts, symbol, close FROM coins) ON symbol IN ('BTC/USDT', 'ETH/USDT') USING first(close)) ORDER BY ts
PIVOT coins ON symbol IN ('BTC/USDT', 'ETH/USDT') USING avg(close) GROUP BY ts ORDER BY ts
SELECT * FROM coins PIVOT (sum(volume) FOR symbol IN ('BTC/USDT', 'ETH/USDT') GROUP BY ts) ORDER BY ts
FROM (UNPIVOT (SELECT ts, open, close FROM btc) ON open, close INTO NAME side VALUE price) ORDER BY ts, side
SELECT list_transform(list(close ORDER BY ts), lambda c: c * 2)[1:3] AS doubled FROM btc
SELECT list_reduce([1, 2, 3], lambda a, b: a + b) AS six, [x * 2 FOR x IN [1, 2] IF x > 1] AS four
SELECT list_sum(list_filter(list(volume), lambda v: v > 0)) AS total FROM btc
SELECT len(range(1, 10)) AS nine, list_sum(range(0, len([1, 2, 3]))) AS three
SELECT unnest([1, 2, 3]) AS n ORDER BY n
WITH RECURSIVE days(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM days WHERE n < 10) SELECT * FROM days ORDER BY n
SELECT g.ts, btc.close FROM range(1704067200, 1704067200 + 3600, 60) AS g(ts) LEFT JOIN btc USING (ts) ORDER BY g.ts
SELECT t, b.close FROM generate_series(TIMESTAMPTZ '2024-01-01', TIMESTAMPTZ '2024-01-01 00:10:00', INTERVAL 1 MINUTE) AS s(t) LEFT JOIN btc b ON b.time = t ORDER BY t
SELECT * EXCLUDE (open), high - low AS spread FROM btc ORDER BY ts
SELECT * REPLACE (round(close, 1) AS close) FROM btc ORDER BY ts
SELECT COLUMNS('open|close') FROM btc ORDER BY ALL
SELECT symbol, quantile_cont(close, [0.05, 0.5, 0.95]) AS q FROM coins GROUP BY symbol ORDER BY symbol
SELECT symbol, arg_max(time, close) AS peak FROM coins GROUP BY ROLLUP (symbol) ORDER BY symbol NULLS LAST
SELECT DISTINCT symbol FROM coins ORDER BY symbol
SELECT DISTINCT ON (symbol) symbol, ts, close FROM coins ORDER BY symbol, ts DESC
SELECT CASE WHEN close > open THEN 'up' WHEN close < open THEN 'down' ELSE 'flat' END AS kind, count(*) AS n FROM btc GROUP BY kind ORDER BY kind
SELECT ts, close::DECIMAL(18, 2) AS price, TRY_CAST('x' AS DOUBLE) AS none, strftime(time, '%H:%M') AS clock FROM btc ORDER BY ts
SELECT ts, coalesce(lag(close, 2) OVER (ORDER BY ts), 0) AS before, ntile(4) OVER (ORDER BY ts) AS part FROM btc ORDER BY ts
SELECT regr_slope(e.close, b.close) AS beta, regr_r2(e.close, b.close) AS fit FROM btc b JOIN eth e USING (ts)
SELECT ts, close FROM btc UNION ALL BY NAME SELECT ts, close FROM eth ORDER BY ALL
SELECT ts FROM btc INTERSECT SELECT ts FROM eth ORDER BY ts
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(n, name) ORDER BY n
SELECT {'high': max(high), 'low': min(low)} AS bounds, map {'n': count(*)} AS counts FROM btc
SELECT histogram(CAST(close AS INTEGER)) AS h FROM btc
SELECT epoch(max(time) - min(time)) AS seconds, age(max(time), min(time))::VARCHAR AS span FROM btc
SELECT sum(close) FILTER (WHERE volume > 1) AS busy, count(DISTINCT close) AS prices, mode(round(close)) AS usual FROM btc
SELECT regexp_extract(symbol, '([A-Z]+)/', 1) AS base, any_value(close) AS c FROM coins GROUP BY base ORDER BY base
SELECT close.round(1) AS c, symbol.split('/')[1] AS base FROM coins ORDER BY ALL
SELECT ts, fill(CASE WHEN ts % 120 = 0 THEN close END) OVER (ORDER BY ts) AS filled FROM btc ORDER BY ts
SELECT * FROM resample(btc, '15m') ORDER BY ts
SELECT symbol, ts, close, bars FROM resample('coins', '1h') ORDER BY symbol, ts
SELECT ts, returns(close, ts) AS r, log_returns(close, ts) AS l, drawdown(close, ts) AS d FROM btc ORDER BY ts
SELECT ts, sma(close, 5, ts) AS fast, crossover(close, 5, 20, ts) AS position FROM btc ORDER BY ts
SELECT symbol, ts, crossover(close, 5, 20, ts, per := symbol, short := true) AS position FROM coins ORDER BY symbol, ts
SELECT printf('%.2f', max(close)) AS top, format('{:,}', count(*)) AS n, rpad('x', 10, '.') AS dots FROM btc
SELECT 'a comment -- in a text; and a semicolon' AS text -- and a comment; behind
WITH btc AS (SELECT * FROM btc WHERE volume > 0) SELECT count(*) AS n FROM btc;
