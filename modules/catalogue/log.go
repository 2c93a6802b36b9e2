package catalogue

import (
	"context"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// head returns the newest signed tree head and the key to check it with. NotFound before the first publication.
func (s *Service) head(ctx context.Context) (signed, key string, err error) {
	if err := s.deps.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		signed, err = signedHead(ctx, tx)
		return err
	}); err != nil {
		return "", "", err
	}
	if signed == "" {
		return "", "", kernel.NotThere("log head")
	}
	k, err := s.publisher.keys.ofLog()
	return signed, k.public, err
}

// records returns up to limit records from an index on.
func (s *Service) records(ctx context.Context, from int64, limit int) ([]LogRecord, error) {
	var rows []logRow
	if err := s.deps.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		rows, err = logRecords(ctx, tx, from, limit)
		return err
	}); err != nil {
		return nil, err
	}
	out := []LogRecord{}
	for _, row := range rows {
		r, err := published.ReadLeaf([]byte(row.Leaf))
		if err != nil {
			return nil, err
		}
		out = append(out, LogRecord{row.Position, row.Leaf, r})
	}
	return out, nil
}
