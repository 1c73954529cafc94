-- The extension stays: other tables of this database may live on it, and it may have been
-- installed by an administrator before us.
SELECT 1;
