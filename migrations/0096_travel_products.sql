-- +goose Up
-- What an insurer offers with a ride is a list of declared products, of which people take out any; before there was one, which
-- covered cancelling. Tables of fares and the terms of bookings are brought to that form. What a booking insures now stands in its
-- terms alone: who took nothing out has no insurance there.
CREATE FUNCTION travel.products_of(old jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('insurer', old->'insurer', 'products', jsonb_build_array((old - 'insurer') || jsonb_build_object(
    'code', 'cancellation',
    'name', jsonb_build_object('en', 'Trip cancellation', 'ru', 'Отмена поездки', 'zh', '行程取消'),
    'terms', jsonb_build_object('en', 'Holds until departure.', 'ru', 'Действует до отправления.', 'zh', '保障至发车前。')))))
$$;

ALTER TABLE travel.fare_table NO FORCE ROW LEVEL SECURITY;
UPDATE travel.fare_table SET form = jsonb_set(form, '{insurance}', travel.products_of(form->'insurance'))
  WHERE form ? 'insurance' AND NOT form->'insurance' ? 'products';
ALTER TABLE travel.fare_table FORCE ROW LEVEL SECURITY;

ALTER TABLE travel.booking NO FORCE ROW LEVEL SECURITY;
UPDATE travel.booking SET rules = CASE WHEN insured THEN jsonb_set(rules, '{insurance}', travel.products_of(rules->'insurance')) ELSE rules - 'insurance' END
  WHERE rules ? 'insurance' AND NOT rules->'insurance' ? 'products';
ALTER TABLE travel.booking FORCE ROW LEVEL SECURITY;

DROP FUNCTION travel.products_of(jsonb);
