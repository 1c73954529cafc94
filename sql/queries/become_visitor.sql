-- Until the transaction is rolled back; an owner is no member of the role it made.
GRANT web_anon TO CURRENT_USER;
SET LOCAL ROLE web_anon
