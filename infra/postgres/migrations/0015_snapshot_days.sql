-- The days that the KPI views hold. Their functions and views are made by `repeatable/`: the schema
-- `utils_statistics` belongs to Countersign.
CREATE SCHEMA utils_statistics;

-- `requested_at` is the instant as of which the day is reported: a running day goes up to it.
CREATE TABLE utils_statistics.report_days (
    report_date  date PRIMARY KEY,
    requested_at timestamptz NOT NULL
);
