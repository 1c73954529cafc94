-- Where the instances are.
SELECT city, country_name, latitude, longitude
FROM api.get_latest_geo_coordinates()
ORDER BY country_name, city
