-- What retention prunes is found by its age. Past daily closes are few, and rules look far back at
-- them: they are kept.
CREATE INDEX market_data_snapshots_prunable ON market_data_snapshots (created_at)
    WHERE metric <> 'daily_close';
DROP INDEX option_snapshots_created_at;
CREATE INDEX option_snapshots_created_at ON option_snapshots (created_at);
