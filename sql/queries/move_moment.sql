-- The first look of a transaction fixes what it sees. That is to last while everything else is copied,
-- however long this connection has nothing to do.
SELECT set_config('idle_in_transaction_session_timeout', '0', true)
