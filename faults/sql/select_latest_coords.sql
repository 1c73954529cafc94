SELECT bucket, instance, latitude, longitude, country_name, city FROM geo.latest_coords;
