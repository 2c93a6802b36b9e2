package catalogue

import (
	"context"
	"net/http"

	"golang.org/x/mod/sumdb/tlog"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/web"
)

type logHeadOutput struct {
	CacheControl string `header:"Cache-Control" example:"no-cache" doc:"Ask again each time; the answer is small."`
	Body         LogHead
}

// LogHead is the newest signed tree head.
type LogHead struct {
	Size   int64  `json:"size" minimum:"1" example:"42" doc:"How many records the log has."`
	Root   string `json:"root" example:"yBxXH1q3vnVJvnNS6hbnnYY2HE1hRcp6E0jHNb1sE5A=" doc:"Root hash of the Merkle tree over all of them (RFC 6962 §2.1), base64."`
	Signed string `json:"signed" example:"townhall/catalogue\n42\nyBxXH1q3vnVJvnNS6hbnnYY2HE1hRcp6E0jHNb1sE5A=\n\n— townhall/catalogue WWQ1...=\n" doc:"The signed tree head itself, a note whose text is a checkpoint (C2SP signed-note and tlog-checkpoint). Trust this, not the two members above."`
	Key    string `json:"key" example:"townhall/catalogue+5964352d+AZ...=" doc:"The log's public key as a verifier key (C2SP signed-note). Keep the first you see: it is never replaced."`
}

type logRecordsInput struct {
	From  int64 `query:"from" minimum:"0" default:"0" example:"0" doc:"Index of the first record."`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100" doc:"At most so many records."`
}

type logRecordsOutput struct {
	Body struct {
		Records []LogRecord `json:"records" maxItems:"1000" doc:"In the order of the log; empty behind its end."`
	}
}

// LogRecord is one record of the log.
type LogRecord struct {
	Index  int64            `json:"index" minimum:"0" example:"41" doc:"Its number in the log, from 0."`
	Leaf   string           `json:"leaf" example:"{\"app_id\":\"residence-certificate\"}" doc:"What is hashed, byte for byte: the record as canonical JSON (RFC 8785)."`
	Record published.Record `json:"record" doc:"The same, to read."`
}

// LogIndex is the number of a record.
type LogIndex struct {
	Index int64 `path:"index" minimum:"0" example:"41" doc:"Number of the record, from 0."`
}

type logRecordOutput struct{ Body LogRecord }

type logInclusionInput struct {
	LogIndex
	Size int64 `query:"size" required:"true" minimum:"1" example:"42" doc:"Size of the tree the proof is for, as a signed tree head has it."`
}

type logProofOutput struct{ Body LogProof }

// LogProof is the hashes of a Merkle proof.
type LogProof struct {
	Hashes []string `json:"hashes" maxItems:"64" example:"[\"yBxXH1q3vnVJvnNS6hbnnYY2HE1hRcp6E0jHNb1sE5A=\"]" doc:"From the leaves to the root, base64."`
}

type logConsistencyInput struct {
	From int64 `query:"from" required:"true" minimum:"1" example:"40" doc:"Size of the older tree."`
	To   int64 `query:"to" required:"true" minimum:"1" example:"42" doc:"Size of the newer tree."`
}

func (s *Service) registerLog(api *web.API) {
	tags := []string{"Log"}
	gone := []int{http.StatusUnauthorized, http.StatusNotFound}
	web.Register(api, web.Op{
		ID: "get-log-head", Method: http.MethodGet, Path: "/log/head", Tags: tags, Policy: web.Public,
		Summary: "Get the signed tree head", Returns: "The newest signed tree head.",
		Description: "The log is one for all municipalities of this installation. Remember the newest head you saw, and ask for the consistency proof from it to the next one. 404 before the first publication.",
		Errors:      gone,
	}, s.logHeadOp)
	web.Register(api, web.Op{
		ID: "list-log-records", Method: http.MethodGet, Path: "/log/records", Tags: tags, Policy: web.Public,
		Summary: "List records of the log", Returns: "The records.",
		Description: "Records in the order of the log. The newest of a mini-app is the manifest in force: an older one is out of date, however well it is signed. One with `withdrawn` says that its agency took the mini-app out of the list on purpose; a mini-app whose newest record is a publication, and which neither is in the list nor answers with the stage `retired`, was left out by somebody in between.",
		Errors:      gone,
	}, s.logRecordsOp)
	web.Register(api, web.Op{
		ID: "get-log-record", Method: http.MethodGet, Path: "/log/records/{index}", Tags: tags, Policy: web.Public,
		Summary: "Get one record of the log", Returns: "The record.", Description: "One record. 404 behind the log's end.", Errors: gone,
	}, s.logRecordOp)
	web.Register(api, web.Op{
		ID: "get-log-inclusion-proof", Method: http.MethodGet, Path: "/log/records/{index}/proof", Tags: tags, Policy: web.Public,
		Summary: "Prove that a record is in the log", Returns: "The audit path.",
		Description: "The audit path of a record in the tree of a given size (RFC 6962 §2.1.1). The leaf's hash is SHA-256 over a zero byte and the record's leaf.", Errors: gone,
	}, s.logInclusionOp)
	web.Register(api, web.Op{
		ID: "get-log-consistency-proof", Method: http.MethodGet, Path: "/log/consistency", Tags: tags, Policy: web.Public,
		Summary: "Prove that the log only grew", Returns: "The consistency proof.",
		Description: "Proves that the tree of the older size is the beginning of that of the newer one (RFC 6962 §2.1.2). Of equal sizes the proof is empty, and the roots must be equal.", Errors: gone,
	}, s.logConsistencyOp)
}

func (s *Service) logHeadOp(ctx context.Context, _ *struct{}) (*logHeadOutput, error) {
	signed, key, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	h, err := published.OpenHead(signed, key)
	return &logHeadOutput{CacheControl: "no-cache", Body: LogHead{Size: h.N, Root: h.Hash.String(), Signed: signed, Key: key}}, err
}

func (s *Service) logRecordsOp(ctx context.Context, in *logRecordsInput) (*logRecordsOutput, error) {
	out := &logRecordsOutput{}
	var err error
	out.Body.Records, err = s.records(ctx, in.From, in.Limit)
	return out, err
}

func (s *Service) logRecordOp(ctx context.Context, in *LogIndex) (*logRecordOutput, error) {
	found, err := s.records(ctx, in.Index, 1)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, kernel.NotThere("log record")
	}
	return &logRecordOutput{found[0]}, nil
}

func (s *Service) logInclusionOp(ctx context.Context, in *logInclusionInput) (*logProofOutput, error) {
	return s.logProof(ctx, "query.size", in.Size, func(tree tlog.HashReader) ([]tlog.Hash, error) {
		if in.Index >= in.Size {
			return nil, kernel.NotThere("log record")
		}
		return tlog.ProveRecord(in.Size, in.Index, tree)
	})
}

func (s *Service) logConsistencyOp(ctx context.Context, in *logConsistencyInput) (*logProofOutput, error) {
	return s.logProof(ctx, "query.to", in.To, func(tree tlog.HashReader) ([]tlog.Hash, error) {
		if in.From > in.To {
			return nil, noSuchSize("query.from")
		}
		return tlog.ProveTree(in.To, in.From, tree)
	})
}

// logProof answers with a proof in a tree that is no larger than the signed one; Invalid naming field when it is.
func (s *Service) logProof(ctx context.Context, field string, size int64, prove func(tlog.HashReader) ([]tlog.Hash, error)) (*logProofOutput, error) {
	var hashes []tlog.Hash
	err := s.deps.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		n, err := logSize(ctx, tx)
		if err != nil {
			return err
		}
		if size > n {
			return noSuchSize(field)
		}
		hashes, err = prove(logHashes(ctx, tx))
		return err
	})
	out := &logProofOutput{LogProof{Hashes: []string{}}}
	for _, h := range hashes {
		out.Body.Hashes = append(out.Body.Hashes, h.String())
	}
	return out, err
}

func noSuchSize(field string) error {
	return kernel.InvalidFields(kernel.FieldError{Path: field, Slug: "field.log-size", Message: "Give a size between 1 and the size of the newest signed tree head."})
}
