-- +goose Up
-- A mini-app that is made while the house runs is known to the process that made it first. Others, which cannot tell one they have not
-- heard of from one that is no more, leave what is made alone: a name is given for ever. What came with the program goes with it.
ALTER TABLE catalogue.said ADD COLUMN made boolean NOT NULL DEFAULT false;
