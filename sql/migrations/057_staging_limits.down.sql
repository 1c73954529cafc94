-- staging limits
SELECT;
