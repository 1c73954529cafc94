-- staging plain limits
SELECT;
