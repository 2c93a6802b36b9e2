-- +goose Up

-- A case that staff open at the desk, for a person who is there and has no sign-in.
ALTER TABLE casework.case DROP CONSTRAINT case_channel_known;
ALTER TABLE casework.case ADD CONSTRAINT case_channel_known
  CHECK (channel IN ('', 'list', 'search', 'qr', 'share', 'recents', 'nearby', 'push', 'desk'));
