-- staging tag limits
SELECT;
