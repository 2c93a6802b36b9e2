package casework

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// row is a case as the driver scans it.
type row struct {
	ID            string         `db:"id"`
	Number        string         `db:"number"`
	Service       string         `db:"service"`
	Sector        string         `db:"sector"`
	WorkflowHash  string         `db:"workflow_hash"`
	Agency        string         `db:"agency"`
	Applicant     string         `db:"applicant"`
	ApplicantName string         `db:"applicant_name"`
	Assignee      sql.NullString `db:"assignee"`
	State         string         `db:"state"`
	Final         bool           `db:"final"`
	Waiting       string         `db:"waiting"`
	Version       int            `db:"version"`
	Entered       int            `db:"entered"`
	Answers       []byte         `db:"answers"`
	Locale        string         `db:"locale"`
	Channel       string         `db:"channel"`
	CreatedAt     time.Time      `db:"created_at"`
	UpdatedAt     time.Time      `db:"updated_at"`
	EnteredAt     time.Time      `db:"entered_at"`
	SubmittedAt   sql.NullTime   `db:"submitted_at"`
	DueAt         sql.NullTime   `db:"due_at"`
	ClosedAt      sql.NullTime   `db:"closed_at"`
	Events        []byte         `db:"events"`
}

const columns = `c.id, c.number, c.service, c.sector, c.workflow_hash, c.agency, c.applicant, c.applicant_name, c.assignee,
	c.state, c.final, c.waiting, c.version, c.entered, c.answers, c.locale, c.channel,
	c.created_at, c.updated_at, c.entered_at, c.submitted_at, c.due_at, c.closed_at`

// The case with its history, in one round trip. No lock: the step's condition on the version is the lock.
const loadSQL = `SELECT ` + columns + `, (
		SELECT json_agg(json_build_object('seq', e.seq, 'action', e.action, 'from_state', e.from_state, 'to_state', e.to_state,
			'actor_kind', e.actor_kind, 'role', e.role, 'actor_id', coalesce(e.actor_id::text, ''), 'actor_name', e.actor_name,
			'input', e.input, 'at', e.at) ORDER BY e.seq)
		FROM casework.event e WHERE e.tenant_id = $1 AND e.case_id = c.id) AS events
	FROM casework.case c WHERE c.tenant_id = $1 AND c.id = $2`

// load reads one case with its history, whoever asks; the service decides whether they may. NotThere when there is
// none in the transaction's municipality.
func load(ctx context.Context, tx kernel.Tx, id kernel.CaseID) (record, error) {
	if !kernel.ValidID(string(id)) {
		return record{}, kernel.NotThere("case")
	}
	var r row
	err := pg.From(tx).GetContext(ctx, &r, loadSQL, tx.TenantID(), id)
	if errors.Is(err, sql.ErrNoRows) {
		return record{}, kernel.NotThere("case")
	}
	if err != nil {
		return record{}, fmt.Errorf("case %s: %w", id, err)
	}
	return r.record()
}

// lock reads a case that nobody else changes until the transaction ends.
func lock(ctx context.Context, tx kernel.Tx, id kernel.CaseID) (record, error) {
	if !kernel.ValidID(string(id)) {
		return record{}, kernel.NotThere("case")
	}
	if _, err := pg.From(tx).ExecContext(ctx, `SELECT FROM casework.case WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`, tx.TenantID(), id); err != nil {
		return record{}, fmt.Errorf("case %s: %w", id, err)
	}
	return load(ctx, tx, id)
}

func (r row) record() (record, error) {
	rec := record{
		ID: kernel.CaseID(r.ID), Number: r.Number, Service: r.Service, Sector: r.Sector, WorkflowHash: r.WorkflowHash,
		Agency: kernel.AgencyID(r.Agency), Applicant: kernel.PersonID(r.Applicant), ApplicantName: r.ApplicantName,
		Assignee: kernel.PersonID(r.Assignee.String), State: r.State, Final: r.Final, Waiting: r.Waiting,
		Version: r.Version, Entered: r.Entered, Locale: r.Locale, Channel: r.Channel,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), EnteredAt: r.EnteredAt.UTC(),
		SubmittedAt: moment(r.SubmittedAt), DueAt: moment(r.DueAt), ClosedAt: moment(r.ClosedAt),
	}
	if err := json.Unmarshal(r.Answers, &rec.Answers); err != nil {
		return record{}, fmt.Errorf("case %s: answers: %w", r.ID, err)
	}
	if r.Events != nil {
		if err := json.Unmarshal(r.Events, &rec.Events); err != nil {
			return record{}, fmt.Errorf("case %s: history: %w", r.ID, err)
		}
	}
	for i := range rec.Events {
		rec.Events[i].At = rec.Events[i].At.UTC()
	}
	return rec, nil
}

func moment(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

func nullable(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func nullID(id kernel.PersonID) sql.NullString {
	return sql.NullString{String: string(id), Valid: id != ""}
}

// constraints is what people are told when a constraint refuses what they sent.
var constraints = map[string]*kernel.Error{
	"case_sizes": kernel.NewError(kernel.TooLarge, "answers-too-large", "The answers are too long to be kept."),
}

// newCase is a case with its first steps, all one person's, as they are stored.
type newCase struct {
	step
	answers string
	events  []event
	inputs  []string
}

var openedCases = pg.NewRows(pg.OrderFirst, writeOpened)

// insert writes a new case with its first steps, all one person's. A number that is taken runs the transaction again,
// with another number.
func insert(ctx context.Context, tx kernel.Tx, steps []step) error {
	o := newCase{step: steps[len(steps)-1]}
	for _, s := range steps {
		answers, input, err := s.json()
		if err != nil {
			return err
		}
		o.answers, o.events, o.inputs = answers, append(o.events, s.event), append(o.inputs, input)
	}
	return openedCases.Put(ctx, tx, o)
}

// Cases and their first events, in one statement.
const openSQL = `WITH opened AS (
		INSERT INTO casework.case (tenant_id, id, number, service, sector, workflow_hash, agency, applicant, applicant_name, assignee,
			state, final, waiting, version, entered, answers, locale, channel, created_at, updated_at, entered_at, submitted_at, due_at, closed_at)
		SELECT $1, r.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::text[], $10::uuid[],
			$11::text[], $12::bool[], $13::text[], $14::int[], $15::int[], $16::jsonb[], $17::text[], $18::text[],
			$19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[], $23::timestamptz[], $24::timestamptz[]) AS r)
	INSERT INTO casework.event (tenant_id, case_id, seq, action, from_state, to_state, actor_kind, role, actor_id, actor_name, input, at)
	SELECT $1, e.* FROM unnest($25::uuid[], $26::int[], $27::text[], $28::text[], $29::text[], $30::text[], $31::text[], $32::uuid[], $33::text[],
		$34::jsonb[], $35::timestamptz[]) AS e`

func writeOpened(ctx context.Context, tx *pg.Tx, rows []newCase) error {
	var cases, events pg.Columns
	for _, o := range rows {
		s := o.step
		cases.Add(pg.Text(s.ID), pg.Text(s.Number), pg.Text(s.Service), pg.Text(s.Sector), pg.Text(s.WorkflowHash), pg.Text(s.Agency),
			pg.Text(s.Applicant), pg.Text(s.ApplicantName), pg.TextOrNull(s.Assignee), pg.Text(s.State), pg.Bool(s.Final), pg.Text(s.Waiting),
			pg.Int(s.Version), pg.Int(s.Entered), pg.Text(o.answers), pg.Text(s.Locale), pg.Text(s.Channel), pg.Time(s.CreatedAt),
			pg.Time(s.UpdatedAt), pg.Time(s.EnteredAt), pg.Time(s.SubmittedAt), pg.Time(s.DueAt), pg.Time(s.ClosedAt))
		for i, e := range o.events {
			events.Add(pg.Text(s.ID), pg.Int(e.Seq), pg.Text(e.Action), pg.Text(e.From), pg.Text(e.To), pg.Text(e.Kind), pg.Text(e.Role),
				pg.TextOrNull(e.Actor), pg.Text(e.ActorName), pg.Text(o.inputs[i]), pg.Time(e.At))
		}
	}
	_, err := tx.ExecContext(ctx, openSQL, events.Args(cases.Args(tx.TenantID())...)...)
	if err != nil {
		return fmt.Errorf("case %s: %w", rows[0].ID, pg.MapDrawn(pg.MapConstraint(err, constraints), "case_number_key"))
	}
	return nil
}

// The step and its event, in one statement: one row when the case still has the version before, none when somebody
// was faster.
const stepSQL = `WITH stepped AS (
		UPDATE casework.case SET state = $4, final = $5, waiting = $6, version = version + 1, entered = $7, answers = $8, assignee = $9,
			updated_at = $10, entered_at = $11, submitted_at = $12, due_at = $13, closed_at = $14
		WHERE tenant_id = $1 AND id = $2 AND version = $3
		RETURNING tenant_id, id, version)
	INSERT INTO casework.event (tenant_id, case_id, seq, action, from_state, to_state, actor_kind, role, actor_id, actor_name, input, at)
	SELECT tenant_id, id, version, $15::text, $16::text, $4, $17::text, $18::text, $19::uuid, $20::text, $21::jsonb, $10 FROM stepped`

// take writes a step on top of version s.Version-1; ErrChanged when the case has another version by now.
func take(ctx context.Context, tx kernel.Tx, s step) error {
	answers, input, err := s.json()
	if err != nil {
		return err
	}
	res, err := pg.From(tx).ExecContext(ctx, stepSQL, tx.TenantID(), s.ID, s.Version-1,
		s.State, s.Final, s.Waiting, s.Entered, answers, nullID(s.Assignee),
		s.UpdatedAt, s.EnteredAt, nullable(s.SubmittedAt), nullable(s.DueAt), nullable(s.ClosedAt),
		s.event.Action, s.event.From, s.event.Kind, s.event.Role, nullID(s.event.Actor), s.event.ActorName, input)
	ok, err := wrote(res, err, s.ID)
	if err == nil && !ok {
		return kernel.ErrChanged
	}
	return err
}

// handed writes whose case it is from now on. The case is locked by the step that was just taken.
func handed(ctx context.Context, tx kernel.Tx, id kernel.CaseID, to kernel.AgencyID) error {
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE casework.case SET agency = $3, assignee = NULL WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), id, to)
	ok, err := wrote(res, err, id)
	if err == nil && !ok {
		return kernel.NotThere("case")
	}
	return err
}

func (s step) json() (answers, input string, err error) {
	a, err := json.Marshal(s.Answers)
	if err != nil {
		return "", "", fmt.Errorf("case %s: answers: %w", s.ID, err)
	}
	if s.event.Input == nil {
		return string(a), "{}", nil
	}
	i, err := json.Marshal(s.event.Input)
	if err != nil {
		return "", "", fmt.Errorf("case %s: input: %w", s.ID, err)
	}
	return string(a), string(i), nil
}

// wrote reports whether a statement wrote anything.
func wrote(res sql.Result, err error, id kernel.CaseID) (bool, error) {
	if err != nil {
		return false, fmt.Errorf("case %s: %w", id, pg.MapConstraint(err, constraints))
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// The lists. A condition nobody asked for is switched off by an empty argument, so that the texts are constants and the
// statements stay prepared. What decides the order is not: each order is a text of its own, and each agency is read by
// itself, because only then is the page the first rows of an index. "agency = ANY (…)" sorted every case of the agency:
// 0.7 to 1.3 s at 100,000.
const (
	narrowed = ` AND ($5 = '' OR c.service = $5) AND ($6 = '' OR c.state = $6) AND ($7 = '' OR c.number = $7) AND (NOT $8::bool OR NOT c.final)`
	newest   = ` AND ($9::uuid IS NULL OR c.id < $9::uuid) ORDER BY c.id DESC LIMIT $2`
	oldest   = ` AND ($9::uuid IS NULL OR c.id > $9::uuid) ORDER BY c.id LIMIT $2`

	ofAgencies = `SELECT c.* FROM (SELECT DISTINCT agency FROM unnest($3::text[]) AS u (agency)) AS a CROSS JOIN LATERAL (SELECT ` + columns + ` FROM casework.case c
		WHERE c.tenant_id = $1 AND c.agency = a.agency AND c.submitted_at IS NOT NULL AND ($4::uuid IS NULL OR $4::uuid IS NOT NULL)`

	mineSQL = `SELECT ` + columns + ` FROM casework.case c
		WHERE c.tenant_id = $1 AND c.applicant = $4::uuid AND $3::text[] IS NULL` + narrowed + newest
	everyoneSQL = `SELECT ` + columns + ` FROM casework.case c
		WHERE c.tenant_id = $1 AND $3::text[] IS NULL AND $4::uuid IS NULL` + narrowed + newest
	allSQL        = ofAgencies + narrowed + newest + `) AS c ORDER BY c.id DESC LIMIT $2`
	todoSQL       = ofAgencies + ` AND NOT c.final AND c.waiting = 'agency'` + narrowed + oldest + `) AS c ORDER BY c.id LIMIT $2`
	unassignedSQL = ofAgencies + ` AND NOT c.final AND c.assignee IS NULL` + narrowed + newest + `) AS c ORDER BY c.id DESC LIMIT $2`
	assignedSQL   = ofAgencies + ` AND NOT c.final AND c.assignee = $4::uuid` + narrowed + newest + `) AS c ORDER BY c.id DESC LIMIT $2`
)

// statement picks the text of a list and the one person it is about.
func (f filter) statement() (text string, person kernel.PersonID) {
	switch {
	case f.Applicant != "":
		return mineSQL, f.Applicant
	case f.Everyone:
		return everyoneSQL, ""
	case f.Queue == QueueTodo:
		return todoSQL, ""
	case f.Queue == QueueUnassigned:
		return unassignedSQL, ""
	case f.Queue == QueueMine:
		return assignedSQL, f.Mine
	}
	return allSQL, ""
}

// list reads cases without their history.
func list(ctx context.Context, tx kernel.Tx, f filter) ([]record, error) {
	if f.After != "" && !kernel.ValidID(string(f.After)) {
		return nil, kernel.InvalidFields(kernel.FieldError{Path: "cursor", Slug: "casework.cursor-unknown", Message: "This cursor is not one of ours."})
	}
	var rows []row
	text, person := f.statement()
	err := pg.From(tx).SelectContext(ctx, &rows, text, tx.TenantID(), limitOf(f.Limit), f.agencies(), nullID(person),
		f.Service, f.State, f.Number, f.Open, nullID(kernel.PersonID(f.After)))
	if err != nil {
		return nil, fmt.Errorf("cases: %w", err)
	}
	out := make([]record, len(rows))
	for i, r := range rows {
		if out[i], err = r.record(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// agencies is null for "whichever" and an array, be it empty, for "only these".
func (f filter) agencies() any {
	if f.Everyone || f.Applicant != "" {
		return nil
	}
	names := make([]string, len(f.Agencies))
	for i, a := range f.Agencies {
		names[i] = string(a)
	}
	return pq.Array(names)
}

// Open cases alone: their index is as long as the work at hand, whatever the archive holds.
const countSQL = `SELECT count(*) FILTER (WHERE waiting = 'agency') AS todo,
		count(*) FILTER (WHERE assignee IS NULL) AS unassigned,
		count(*) FILTER (WHERE assignee = $3::uuid) AS mine
	FROM casework.case
	WHERE tenant_id = $1 AND agency = ANY ($2::text[]) AND submitted_at IS NOT NULL AND NOT final`

// count counts the queues of f's agencies.
func count(ctx context.Context, tx kernel.Tx, f filter) (counts, error) {
	var n counts
	err := pg.From(tx).GetContext(ctx, &n, countSQL, tx.TenantID(), f.agencies(), nullID(f.Mine))
	if err != nil {
		return counts{}, fmt.Errorf("counting cases: %w", err)
	}
	return n, nil
}

// caseOfEffect finds the case an effect belongs to: the one look into kernel/pg's table, because the right to
// retry follows from the case.
func caseOfEffect(ctx context.Context, tx kernel.Tx, effect string) (kernel.CaseID, error) {
	if !kernel.ValidID(effect) {
		return "", kernel.NotThere("effect")
	}
	var id sql.NullString
	err := pg.From(tx).GetContext(ctx, &id, `SELECT case_id FROM kernel.effect WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), effect)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !id.Valid {
		return "", kernel.NotThere("effect")
	}
	return kernel.CaseID(id.String), err
}
