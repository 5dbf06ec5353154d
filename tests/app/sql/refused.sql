-- category: files by name
SELECT * FROM '/etc/passwd'
SELECT * FROM 'seamless.lock'
SELECT * FROM 'bars.parquet'
SELECT * FROM 'bars.csv'
SELECT * FROM "/etc/passwd"
SELECT * FROM 'https://example.com/bars.parquet'
SELECT * FROM 's3://bucket/bars.parquet'
SELECT * FROM 'file:///etc/passwd'
FROM 'datasets/store/**/*.parquet'
TABLE 'bars.parquet'
SELECT (SELECT count(*) FROM 'bars.csv')
SELECT * FROM btc WHERE ts IN (SELECT ts FROM 'bars.parquet')
WITH x AS (SELECT * FROM 'bars.parquet') SELECT * FROM x
SELECT * FROM btc UNION ALL SELECT * FROM 'bars.parquet'
PIVOT 'bars.csv' ON symbol IN ('a') USING sum(close)
WITH "/etc/passwd" AS (SELECT 1) SELECT (SELECT count(*) FROM 'bars.csv'), * FROM "/etc/passwd"
SELECT * FROM (WITH "bars.csv" AS (SELECT 1) SELECT * FROM "bars.csv") AS a, "bars.csv"
SELECT * FROM btc, LATERAL (SELECT * FROM 'bars.csv') AS b

-- category: files by function
SELECT * FROM read_csv('/etc/passwd')
SELECT * FROM read_csv_auto('/etc/passwd')
SELECT * FROM read_parquet('bars.parquet')
SELECT * FROM parquet_scan('bars.parquet')
SELECT * FROM read_json('/etc/passwd')
SELECT * FROM read_ndjson_objects('/etc/passwd')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM read_blob('/etc/passwd')
SELECT * FROM read_duckdb('other.duckdb')
SELECT * FROM glob('/etc/*')
SELECT * FROM sniff_csv('/etc/passwd')
SELECT * FROM parquet_metadata('bars.parquet')
SELECT * FROM parquet_schema('bars.parquet')
SELECT read_text('/etc/passwd')
SELECT content FROM read_text((SELECT '/etc/passwd'))
SELECT * FROM system.main.read_text('/etc/passwd')
SELECT list_transform(['/etc/passwd'], lambda f: (SELECT content FROM read_text(f)))

-- category: writing files
COPY btc TO 'stolen.parquet'
COPY (SELECT * FROM btc) TO 'stolen.csv'
COPY btc FROM 'bars.csv'
COPY FROM DATABASE memory TO other
EXPORT DATABASE 'folder'
IMPORT DATABASE 'folder'
CHECKPOINT
SELECT write_log('text')

-- category: other databases and extensions
ATTACH 'other.duckdb'
ATTACH ':memory:' AS other
DETACH memory
USE memory
INSTALL httpfs
LOAD httpfs
INSTALL 'extension.duckdb_extension'
UPDATE EXTENSIONS
UPDATE EXTENSIONS (httpfs)
CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')
SELECT * FROM postgres_scan('host=localhost', 'public', 'bars')
SELECT * FROM other.main.bars

-- category: changing anything
CREATE TABLE mine AS SELECT * FROM btc
CREATE OR REPLACE VIEW btc AS SELECT 1
CREATE MACRO sma(x) AS x
CREATE TEMP TABLE mine (a INTEGER)
CREATE SEQUENCE numbers
CREATE TYPE mood AS ENUM ('good')
CREATE SCHEMA mine
CREATE FUNCTION f(a) AS TABLE SELECT * FROM read_csv(a)
INSERT INTO btc VALUES (1)
UPDATE btc SET close = 0
DELETE FROM btc
TRUNCATE btc
MERGE INTO btc USING eth ON btc.ts = eth.ts WHEN MATCHED THEN DELETE
DROP VIEW btc
ALTER TABLE btc RENAME TO eth
COMMENT ON VIEW btc IS 'mine'
WITH x AS (INSERT INTO btc VALUES (1) RETURNING *) SELECT * FROM x
WITH x AS (DELETE FROM btc RETURNING *) SELECT * FROM x
WITH x AS (UPDATE btc SET close = 0 RETURNING *) SELECT count(*) FROM x

-- category: settings, transactions and other statements
SET threads = 8
SET enable_external_access = true
SET lock_configuration = false
RESET memory_limit
SET VARIABLE x = 1
PRAGMA version
PRAGMA enable_profiling
PRAGMA table_info('btc')
CALL pragma_version()
BEGIN
COMMIT
ROLLBACK
VACUUM
ANALYZE
PREPARE p AS SELECT * FROM btc
EXECUTE p
DEALLOCATE p
EXPLAIN SELECT * FROM btc
EXPLAIN ANALYZE SELECT * FROM btc
DESCRIBE btc
SUMMARIZE btc
SHOW TABLES
SHOW ALL TABLES
PIVOT btc ON close USING sum(volume)

-- category: more than one statement, or none
SELECT 1; SELECT 2
SELECT * FROM btc; DROP VIEW btc
SELECT 1; COPY btc TO 'stolen.csv'
-- only a comment
;

-- category: parameters
SELECT * FROM btc WHERE ts > ?
SELECT * FROM btc WHERE ts > $1
SELECT * FROM btc WHERE ts > $start

-- category: the catalogue and the machine
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_functions()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_tables
SELECT * FROM duckdb_temporary_files()
SELECT * FROM pragma_version()
SELECT * FROM pragma_database_size()
SELECT * FROM pragma_table_info('btc')
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM sqlite_master
SELECT * FROM which_secret('s3://bucket', 's3')
SELECT getenv('HOME')
SELECT current_setting('temp_directory')
SELECT getvariable('x')
SELECT version()
SELECT current_database()
SELECT current_user
SELECT session_user
SELECT current_schema
SELECT current_query()
SELECT txid_current()
SELECT current_connection_id()
SELECT pg_sleep(1)
SELECT sleep_ms(1000)
SELECT error('stop')
SELECT nextval('numbers')
SELECT setseed(0.5)
SELECT stats(close) FROM btc

-- category: queries in texts
SELECT * FROM query('SELECT * FROM read_csv(''/etc/passwd'')')
SELECT * FROM query_table('duckdb_settings')
SELECT * FROM query_table(['btc', 'eth'])
SELECT json_serialize_plan('SELECT * FROM read_csv(''/etc/passwd'')')
SELECT json_deserialize_sql('{}')
SELECT * FROM json_execute_serialized_sql('{}')
SELECT * FROM python_map_function()
SELECT * FROM arrow_scan(1, 2, 3)
SELECT * FROM pandas_scan(1)

-- category: functions named in texts
SELECT list_aggregate([1, 2], 'sum')
SELECT list_aggr(list(close), 'reservoir_quantile', 0.5, 8) FROM btc
SELECT list_aggregate(list(close), 'reservoir_quantile', 0.5, 8) FROM btc
SELECT array_aggr(list(close), 'reservoir_quantile', 0.5, 8) FROM btc
SELECT array_aggregate(list(close), 'reservoir_quantile', 0.5, 8) FROM btc
SELECT aggregate(list(close), 'reservoir_quantile', 0.5, 8) FROM btc
SELECT list(close).list_aggr('reservoir_quantile', 0.5, 8) FROM btc
SELECT list_aggr(list(close), 'reser' || 'voir_quantile', 0.5, 8) FROM btc
SELECT list_aggr([1, 2], 'bitstring_agg', 1, 2)
SELECT "LIST_AGGR"([1, 2], (SELECT 'sum'))
SELECT main.list_aggr([1, 2], 'sum')
SELECT list_transform([[1, 2]], lambda x: list_aggr(x, 'approx_top_k', 1))
PIVOT btc ON ts IN (1) USING aggregate(list(close), 'reservoir_quantile', 0.5)

-- category: what lies behind a pin
SELECT * FROM "__0_0"
SELECT * FROM main."__0_0"
SELECT * FROM memory.main.btc
SELECT __exact(close) FROM btc
SELECT * FROM resample('__0_0', '1h')
SELECT * FROM resample('/etc/passwd', '1h')
SELECT * FROM resample('duckdb_settings', '1h')
SELECT * FROM resample((SELECT 'btc'), '1h')
SELECT * FROM resample(btc, close)
SELECT * FROM btc AT (VERSION => 1)
SELECT * FROM btc AT (TIMESTAMP => TIMESTAMP '2024-01-01')

-- category: the clock and chance
SELECT now()
SELECT current_timestamp
SELECT current_date
SELECT localtime
SELECT today()
SELECT * FROM btc WHERE time > now() - INTERVAL 1 DAY
SELECT age(TIMESTAMP '2024-01-01')
SELECT ago(INTERVAL 1 DAY)
SELECT transaction_timestamp()
SELECT random()
SELECT * FROM btc ORDER BY random()
SELECT uuid()
SELECT gen_random_uuid()
SELECT * FROM btc USING SAMPLE 10
SELECT * FROM btc TABLESAMPLE 10%
SELECT reservoir_quantile(close, 0.5) FROM btc

-- category: values without bounds
SELECT repeat('x', 1000000000)
SELECT lpad('x', 2000000000, 'y')
SELECT range(1000000000)
SELECT generate_series(1, ts) FROM btc
SELECT list_resize([1], 1000000000)
SELECT format('{:1000000000}', 1)
SELECT printf('%1000000000d', 1)
SELECT bar(1, 0, 10, 1000000000)
