package kernel

import (
	"context"
	"encoding/json"
	"time"
)

// The contracts in which modules meet. A contract is called with the caller's transaction, so that what
// two modules write together is written together or not at all. Who acts is taken from the context
// (PrincipalOf), never from an argument.

// Tx is one open transaction of one tenant. kernel/pg makes it (pg.DB.InTx, pg.DB.Read); only a store looks
// inside (pg.From).
type Tx interface{ TenantID() TenantID }

// Directory knows the municipalities this installation serves.
type Directory interface {
	Tenants() []Tenant
	ByHost(host string) (Tenant, bool)
	Agency(TenantID, AgencyID) (Agency, bool)
}

// Cases is offered by casework: every service a citizen uses is a case of a declared workflow.
type Cases interface {
	// Start opens a draft for the signed-in citizen, and takes its first action with it when there is one. Errors:
	// NotFound when the tenant does not offer the service, those of Releases.MayStart, those of People.Asked, StepUp when the sign-in is too
	// weak for it, those of Act.
	Start(ctx context.Context, tx Tx, n NewCase) (Case, error)
	// Act takes one declared action. Errors: Invalid with fields, Conflict (changed-meanwhile,
	// action-not-possible), StepUp, NotFound when the case is not the principal's to see.
	Act(ctx context.Context, tx Tx, a Act) (Case, error)
	// Read returns the cases the principal may see, newest first; with CaseQuery.ID exactly one, with its
	// history, or NotFound. Reading somebody else's data as staff is recorded in the audit log.
	Read(ctx context.Context, tx Tx, q CaseQuery) ([]Case, error)
}

// NewCase asks for a draft. Launch says how the citizen came; it selects, it never authorises.
type NewCase struct {
	Service string // workflow slug, e.g. "residence-certificate"
	Locale  string // language of the conversation and of the document
	Channel string // list, search, qr, share, recents, nearby, push; empty for a plain browser

	// For the module of the service's sector alone.
	ID      CaseID   // chosen beforehand, so that a slot can be claimed for it first; empty: a new one
	Sector  string   // its name: it takes the actions declared "through: sector"
	Agency  AgencyID // who decides; empty: the definition's
	Then    *Act     // the first action, taken in the same step; only Action and Input are read
	Present string   // staff open the case for a person of this name who is there and has no sign-in; the channel is "desk" then
}

// Act asks for one step of a case.
type Act struct {
	Case    CaseID
	Version int // the version the person looked at; another one now in force is ErrChanged
	Action  string
	Input   map[string]any // field name → value, as the action's form declares
	Sector  string         // set by the module of the case's sector, which may take what is declared "through: sector"
}

// StepTaken tells the module of a case's sector about a step that names one of its effects.
type StepTaken struct {
	Case      CaseID
	Number    string
	Service   string
	Agency    AgencyID
	Applicant PersonID
	Locale    string
	Action    string
	From, To  string
	Version   int // the case's, after the step
	At        time.Time
	Input     map[string]any // what was said with it
	Answers   map[string]any // everything that has been said in the case, with it

	// HandTo gives the case to another agency of the municipality: from this step on its people look after it, and no others.
	// Only from within the effect. Errors: NotFound when there is no such agency.
	HandTo func(ctx context.Context, tx Tx, to AgencyID) error
}

// StepEffect is one named effect of a sector's workflows (workflows.Action.Effects). It runs in the transaction of the
// step, after the case is written; its error takes the step back. Who acts is in ctx.
type StepEffect func(ctx context.Context, tx Tx, s StepTaken) error

// CaseQuery selects cases; empty members do not narrow. Limit 0 means 50, at most 200.
type CaseQuery struct {
	ID       CaseID
	Service  string
	Open     bool   // not in a final state
	Queue    string // staff: "unassigned", "mine", "all" (default); citizens leave it empty
	Limit    int
	BeforeID CaseID // page on: cases older than this one
}

// Case is one instance of a workflow, as the principal who read it may see it.
type Case struct {
	ID           CaseID
	Number       string // the reference people quote, e.g. "RC-2026-7K4M-93Q2"
	Service      string
	Sector       string
	Agency       AgencyID
	WorkflowHash string // the pinned version of the definition
	State        string
	Final        bool
	Version      int
	Locale       string
	Applicant    PersonID
	Name         string // the applicant's, for staff; personal data
	Assignee     PersonID
	Answers      map[string]any
	CreatedAt    time.Time
	UpdatedAt    time.Time
	SubmittedAt  time.Time // zero while a draft
	DueAt        time.Time // zero when nothing runs
	Actions      []string  // what this principal may do now, in declared order
	Through      []string  // what they may do now on the sector's own pages
	History      []CaseEvent
}

// CaseEvent is one step as shown in a case's history.
type CaseEvent struct {
	Seq       int
	At        time.Time
	Action    string
	From, To  string
	ActorKind PrincipalKind
	ActorName string         // for citizens: the agency's role, not the official's name
	Input     map[string]any // what the reader may see of it
}

// Documents is offered by documents: what a finished step issues.
type Documents interface {
	// Intend stores the intent to issue, with its final number, in the caller's transaction; rendering, signing
	// and publishing follow as an effect, exactly once. Errors: Invalid naming the block whose text no font can show.
	Intend(ctx context.Context, tx Tx, i DocumentIntent) (DocumentID, error)
	// Preview renders what would be issued, unsigned and marked as a draft.
	Preview(ctx context.Context, i DocumentIntent) ([]byte, error)
	// List returns the documents of a case, or of the signed-in citizen when the case is empty.
	List(ctx context.Context, tx Tx, c CaseID) ([]Document, error)
}

// Revoker is offered by documents, for steps that take a document's validity away.
type Revoker interface {
	// RevokeIssued takes the validity of a case's documents of one type away, in the caller's transaction: of the valid
	// one at once, and one that is still being made never becomes valid. None there is no error. Who may was decided by
	// the step.
	RevokeIssued(ctx context.Context, tx Tx, c CaseID, documentType, reason string) error
}

// DocumentIntent is everything a document says; number, dates, QR code and seal are the documents module's own.
type DocumentIntent struct {
	Case    CaseID
	Holder  PersonID
	Agency  AgencyID
	Type    string // e.g. "residence-certificate"
	Content DocumentContent
}

// DocumentContent is a document's text, already in one language.
type DocumentContent struct {
	Locale       string          `json:"locale"`
	Title        string          `json:"title"`
	Municipality string          `json:"municipality"`
	Issuer       string          `json:"issuer"` // the agency's name
	Subject      string          `json:"subject,omitempty"`
	Blocks       []DocumentBlock `json:"blocks"`
	ValidDays    int             `json:"valid_days,omitempty"` // 0: no end of validity
	Attach       bool            `json:"attach,omitempty"`     // the same as JSON goes along inside the file
	Beside       bool            `json:"beside,omitempty"`     // takes the place of no earlier document of its type in the case
}

// DocumentBlock is one block of the layout. Kind: "heading", "paragraph", "fields", "table", "notice" or "codes".
type DocumentBlock struct {
	Kind   string      `json:"kind"`
	Name   string      `json:"name,omitempty"`   // in the template: stable, for machines
	Items  []string    `json:"items,omitempty"`  // names of the fields or columns, in their order: stable, for machines
	Text   string      `json:"text,omitempty"`   // heading, paragraph, notice; codes: what they are, for those who do not see them
	Fields [][2]string `json:"fields,omitempty"` // fields: label and value; codes: label and what the QR code says, printable ASCII without spaces
	Header []string    `json:"header,omitempty"` // table
	Rows   [][]string  `json:"rows,omitempty"`   // table
}

// Document is one document as its holder or the agency sees it.
type Document struct {
	ID       DocumentID
	Case     CaseID
	Number   string
	Type     string
	Title    string
	State    string // "pending", "valid", "superseded", "revoked"
	IssuedAt time.Time
	ValidTo  time.Time // zero: no end
}

// People is offered by identity.
type People interface {
	// Person returns the verified claims one person gave to a service, for prefilling and for the document: what was given to
	// another one is not among them (consent is per purpose). service empty: for no service, with the name alone. NotFound when
	// there is nobody. Only the person, staff with a case of theirs, and the system get here: the caller has checked.
	Person(ctx context.Context, tx Tx, id PersonID, service string) (Person, error)
	// Asked answers whether a new case of a service may begin with what is known of whoever acts: nil, or Consent
	// (claims-not-asked) when their issuer was never asked, for this service, for a claim that it requires. What an issuer was
	// asked for and does not hold is no error. tx is the caller's, or nil outside of one.
	Asked(ctx context.Context, tx Tx, service string) error
}

// Person is what an issuer verified about somebody.
type Person struct {
	ID      PersonID
	Issuer  string
	Subject string // pairwise per municipality
	Locale  string
	Claims  map[string]string // OIDC Core §5.1 names: name, given_name, family_name, birthdate (YYYY-MM-DD), email, address.street_address, address.locality, address.postal_code, address.country
}

// Audit is offered by audit: insert-only, in the transaction of what it tells about.
type Audit interface {
	Record(ctx context.Context, tx Tx, e AuditEntry) error
	OfCase(ctx context.Context, tx Tx, c CaseID) ([]AuditEntry, error)
}

// AuditEntry is one thing somebody did or saw. Actor and time are filled in by Record.
type AuditEntry struct {
	At        time.Time
	ActorKind PrincipalKind
	Actor     PersonID
	Client    string
	Action    string            // e.g. "case.read", "case.decide", "document.issue"
	Case      CaseID            // empty when no case is meant
	Subject   PersonID          // whose data was touched; empty when nobody's
	Details   map[string]string // no personal data
}

// Effect is one thing to be done after a step: a row written in the step's transaction, run by the
// dispatcher at least once, completed exactly once.
type Effect struct {
	Tenant  TenantID
	ID      string // also the idempotency key towards the outside, e.g. webhook-id
	Name    string // event and subscriber, e.g. "case.notice/notify"
	Case    CaseID
	Payload json.RawMessage
	Attempt int // 1 on the first run
}

// Event is written with pg.Emit in a transaction: one effect row per module that subscribed to its name, none
// when nobody did.
type Event struct {
	Name    string
	Key     string // unique per tenant and name: the same event written twice is written once
	Case    CaseID
	Payload any       // JSON; no more personal data than the handler needs
	Due     time.Time // zero: now
}

// Names of events. The payload type is named after the event.
const (
	EventCaseStepped    = "case.stepped"    // CaseStepped, by casework after every step
	EventCaseNotice     = "case.notice"     // CaseNotice, by casework when a step tells the citizen something
	EventCaseTimer      = "case.timer"      // CaseTimer, by casework for itself, due later
	EventDocumentIssue  = "document.issue"  // DocumentIssue, by documents for itself
	EventDocumentIssued = "document.issued" // DocumentIssued, by documents once the file is published
	EventDocumentRenew  = "document.renew"  // DocumentRenew, by documents for itself, before the newest timestamp of a file ends
)

type CaseStepped struct {
	Case    CaseID `json:"case"`
	Service string `json:"service"`
	Action  string `json:"action"`
	From    string `json:"from"`
	To      string `json:"to"`
	Version int    `json:"version"`
}

// CaseNotice is a text for the applicant, in every language, without personal data: it leaves the house.
type CaseNotice struct {
	Case    CaseID   `json:"case"`
	Person  PersonID `json:"person"`
	Service string   `json:"service"`
	Number  string   `json:"number"`
	Notice  string   `json:"notice"` // the notice's name in the definition, e.g. "question-asked"
	Title   Text     `json:"title"`
	Body    Text     `json:"body"`
	Path    string   `json:"path"` // where the citizen goes on, e.g. "/cases/<id>"
}

type CaseTimer struct {
	Case    CaseID     `json:"case"`
	Version int        `json:"version"` // the state it was set in; a case that moved on ignores it
	Timer   string     `json:"timer"`
	Due     *time.Time `json:"due,omitempty"` // of one that counts back from an answer: another moment now, and it is ignored
}

type DocumentIssue struct {
	Document DocumentID `json:"document"`
}

type DocumentRenew struct {
	Document DocumentID `json:"document"`
	Revision int        `json:"revision"` // the one that is renewed; a file that has a newer one is left alone
}

type DocumentIssued struct {
	Document DocumentID `json:"document"`
	Case     CaseID     `json:"case"`
	Person   PersonID   `json:"person"`
	Number   string     `json:"number"`
	Type     string     `json:"type"`
}
