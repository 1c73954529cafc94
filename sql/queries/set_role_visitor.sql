-- Until the transaction ends.
SET LOCAL ROLE web_anon
