-- A user's own lists, newest first, page by page.
CREATE INDEX trade_orders_of_user ON trade_orders (firebase_uid, created_at DESC, id DESC);
CREATE INDEX confirmations_of_user
    ON confirmations (firebase_uid, asked_at DESC, question_id DESC);
