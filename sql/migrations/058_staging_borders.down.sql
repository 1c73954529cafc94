-- staging borders
SELECT;
