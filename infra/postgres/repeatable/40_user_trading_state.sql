-- Everything that is remembered of a user between two ticks. What others must decide upon is stored once,
-- where it is decided, and shown here: nothing of it can drift. The guardrails count orders themselves, under the lock.
-- The keys of `context`: `last_fired`, by rule; `last_fetches`, by data input; `proposals`, what waits for an
-- answer or for the broker; `skips`, the newest twenty rejections; `daily_orders`, the newest seven trading days with orders.
CREATE OR REPLACE VIEW user_trading_state AS
SELECT known.firebase_uid, fetched.last_ingest_at,
       greatest(s.last_eval_at, evaluated.last_eval_at) AS last_eval_at,
       coalesce(s.context, '{}') || jsonb_build_object(
           'last_fetches', fetched.by_input, 'proposals', proposed.all_of_them,
           'skips', skipped.newest, 'daily_orders', ordered.by_day) AS context,
       coalesce(s.updated_at, c.updated_at) AS updated_at
FROM (SELECT firebase_uid FROM user_trading_config
      UNION SELECT firebase_uid FROM trading_cursors) AS known
LEFT JOIN trading_cursors s ON s.firebase_uid = known.firebase_uid
LEFT JOIN user_trading_config c ON c.firebase_uid = known.firebase_uid
CROSS JOIN LATERAL (
    SELECT max(i.last_fetch_at) AS last_ingest_at,
           coalesce(jsonb_object_agg(i.input_id, i.last_fetch_at), '{}') AS by_input
    FROM (SELECT input_id, last_fetch_at
          FROM config_inputs JOIN ingest_cursors USING (input_key)
          WHERE config_key = c.config_key) AS i
) AS fetched
CROSS JOIN LATERAL (
    SELECT max(evaluated_at) AS last_eval_at FROM rule_status WHERE config_key = c.config_key
) AS evaluated
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object('rule_id', p.rule_id, 'question_id', p.question_id,
                                                 'order_id', p.order_id) ORDER BY p.at), '[]')
               AS all_of_them
    FROM (SELECT rule_id, question_id, CAST(NULL AS uuid) AS order_id, asked_at AS at
          FROM confirmations WHERE firebase_uid = known.firebase_uid AND status = 'pending'
          UNION ALL
          SELECT rule_id, question_id, id, created_at
          FROM trade_orders WHERE firebase_uid = known.firebase_uid
                              AND status IN ('approved', 'submitting')) AS p
) AS proposed
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object('rule_id', n.rule_id, 'question_id', n.question_id,
                                                 'at', n.decided_at) ORDER BY n.asked_at DESC), '[]')
               AS newest
    FROM (SELECT rule_id, question_id, asked_at, decided_at
          FROM confirmations WHERE firebase_uid = known.firebase_uid AND status = 'reject'
          ORDER BY asked_at DESC LIMIT 20) AS n
) AS skipped
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(d.day, jsonb_build_object('orders', d.orders,
                                                               'notional_usd', d.notional_usd)), '{}')
               AS by_day
    FROM (SELECT CAST(reserved_at AT TIME ZONE 'America/New_York' AS date) AS day,
                 count(*) AS orders, sum(reserved_usd) AS notional_usd
          FROM trade_orders
          WHERE firebase_uid = known.firebase_uid AND reserved_at IS NOT NULL AND status <> 'rejected'
          GROUP BY day ORDER BY day DESC LIMIT 7) AS d
) AS ordered;

-- What is written here goes to `trading_cursors`; what is shown from elsewhere is not stored again. To
-- insert whom it has already changes nothing. ON CONFLICT can name no column here: a view has no key.
CREATE OR REPLACE FUNCTION store_user_trading_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM trading_cursors WHERE firebase_uid = OLD.firebase_uid;
        RETURN OLD;
    END IF;
    NEW.context := coalesce(NEW.context, '{}')
        - ARRAY['last_fetches', 'proposals', 'skips', 'daily_orders'];
    NEW.updated_at := coalesce(NEW.updated_at, now());
    INSERT INTO trading_cursors AS s (firebase_uid, last_eval_at, context, updated_at)
    VALUES (NEW.firebase_uid, NEW.last_eval_at, NEW.context, NEW.updated_at)
    ON CONFLICT (firebase_uid) DO UPDATE
    SET last_eval_at = excluded.last_eval_at, context = excluded.context,
        updated_at = excluded.updated_at
    WHERE TG_OP = 'UPDATE';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER store INSTEAD OF INSERT OR UPDATE OR DELETE ON user_trading_state
    FOR EACH ROW EXECUTE FUNCTION store_user_trading_state();
