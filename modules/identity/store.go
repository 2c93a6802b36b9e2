package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// login is one sign-in under way.
type login struct {
	StateHash   []byte       `db:"state_hash"`
	BrowserHash []byte       `db:"browser_hash"`
	Area        Area         `db:"area"`
	App         string       `db:"app"`
	Issuer      string       `db:"issuer"`
	Nonce       string       `db:"nonce"`
	Verifier    string       `db:"verifier"`
	Target      string       `db:"target"`
	Level       kernel.Level `db:"level"`
	MaxAge      int64        `db:"max_age_s"`
	Subject     string       `db:"subject"`
	CreatedAt   time.Time    `db:"created_at"`
	ExpiresAt   time.Time    `db:"expires_at"`
}

func insertLogin(ctx context.Context, tx *pg.Tx, l login) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO identity.login (tenant_id, state_hash, browser_hash, area, app, issuer,
		nonce, verifier, target, level, max_age_s, subject, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		tx.TenantID(), l.StateHash, l.BrowserHash, l.Area, l.App, l.Issuer, l.Nonce, l.Verifier, l.Target,
		int(l.Level), l.MaxAge, l.Subject, l.CreatedAt, l.ExpiresAt)
	return err
}

// takeLogin uses a login up. Of any number of callbacks at once, one gets the row; a callback in another browser, for
// another mini-app or after the end gets none, and leaves it.
func takeLogin(ctx context.Context, tx *pg.Tx, state, browser []byte, area Area, app string, now time.Time) (login, error) {
	var l login
	err := tx.GetContext(ctx, &l, `DELETE FROM identity.login WHERE tenant_id = $1 AND state_hash = $2 AND browser_hash = $3
		AND area = $4 AND app = $5 AND expires_at > $6
		RETURNING state_hash, browser_hash, area, app, issuer, nonce, verifier, target, level, max_age_s, subject, created_at, expires_at`,
		tx.TenantID(), state, browser, area, app, now)
	if errors.Is(err, sql.ErrNoRows) {
		return l, errNoLogin
	}
	return l, err
}

// session is one open session, with the name of its person.
type session struct {
	ID        kernel.SessionID `db:"id"`
	TokenHash []byte           `db:"token_hash"`
	Area      Area             `db:"area"`
	Person    kernel.PersonID  `db:"person_id"`
	Name      string           `db:"name"`
	Locale    string           `db:"locale"`
	Issuer    string           `db:"issuer"`
	Subject   string           `db:"subject"`
	SID       string           `db:"sid"`
	Client    string           `db:"client"`
	Level     kernel.Level     `db:"level"`
	AuthTime  sql.NullTime     `db:"auth_time"`
	RawGroups []byte           `db:"groups"`
	RawLaunch []byte           `db:"launch"`
	CreatedAt time.Time        `db:"created_at"`
	SeenAt    time.Time        `db:"seen_at"`
	ExpiresAt time.Time        `db:"expires_at"`

	Groups []string `db:"-"`
	Launch Launch   `db:"-"`
}

func (s *session) unpack() error {
	return errors.Join(json.Unmarshal(s.RawGroups, &s.Groups), json.Unmarshal(s.RawLaunch, &s.Launch))
}

func (s *session) pack() error {
	var err, err2 error
	if s.Groups == nil {
		s.Groups = []string{}
	}
	s.RawGroups, err = json.Marshal(s.Groups)
	s.RawLaunch, err2 = json.Marshal(s.Launch)
	return errors.Join(err, err2)
}

const sessionColumns = `s.id, s.token_hash, s.area, s.person_id, p.name, p.locale, s.issuer, s.subject, s.sid, s.client, s.level,
	s.auth_time, s.groups, s.launch, s.created_at, s.seen_at, s.expires_at
	FROM identity.session s JOIN identity.person p ON p.tenant_id = s.tenant_id AND p.id = s.person_id `

// openSession returns the session a cookie names, or false when there is none that lives: its end is at expires_at, or
// when it was last seen before idleSince.
func openSession(ctx context.Context, tx *pg.Tx, token []byte, area Area, now, idleSince time.Time) (session, bool, error) {
	var s session
	err := tx.GetContext(ctx, &s, `SELECT `+sessionColumns+`WHERE s.tenant_id = $1 AND s.token_hash = $2 AND s.area = $3
		AND s.expires_at > $4 AND s.seen_at > $5`, tx.TenantID(), token, area, now, idleSince)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	if err == nil {
		err = s.unpack()
	}
	return s, err == nil, err
}

func sessionByID(ctx context.Context, tx *pg.Tx, id kernel.SessionID) (session, bool, error) {
	var s session
	err := tx.GetContext(ctx, &s, `SELECT `+sessionColumns+`WHERE s.tenant_id = $1 AND s.id = $2`, tx.TenantID(), id)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	if err == nil {
		err = s.unpack()
	}
	return s, err == nil, err
}

func insertSession(ctx context.Context, tx *pg.Tx, s session) error {
	if err := s.pack(); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO identity.session (tenant_id, id, token_hash, area, person_id, issuer, subject,
		sid, client, level, auth_time, groups, launch, created_at, seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		tx.TenantID(), s.ID, s.TokenHash, s.Area, s.Person, s.Issuer, s.Subject, s.SID, s.Client, int(s.Level), s.AuthTime,
		s.RawGroups, s.RawLaunch, s.CreatedAt, s.SeenAt, s.ExpiresAt)
	return err
}

// touchSession moves the end by idleness; the condition keeps it to one write a minute, whoever comes first.
func touchSession(ctx context.Context, tx *pg.Tx, id kernel.SessionID, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE identity.session SET seen_at = $3 WHERE tenant_id = $1 AND id = $2 AND seen_at < $4`,
		tx.TenantID(), id, now, now.Add(-touchEvery))
	return err
}

// ended is a session that was closed.
type ended struct {
	ID     kernel.SessionID `db:"id"`
	Person kernel.PersonID  `db:"person_id"`
	Issuer string           `db:"issuer"`
	Client string           `db:"client"`
}

func deleteSession(ctx context.Context, tx *pg.Tx, token []byte, area Area) ([]ended, error) {
	var out []ended
	err := tx.SelectContext(ctx, &out, `DELETE FROM identity.session WHERE tenant_id = $1 AND token_hash = $2 AND area = $3
		RETURNING id, person_id, issuer, client`, tx.TenantID(), token, area)
	return out, err
}

// deleteSessionsOf closes what a logout token names: by sub, by sid, or by both at once when both are given.
func deleteSessionsOf(ctx context.Context, tx *pg.Tx, area Area, issuer string, o logoutOrder) ([]ended, error) {
	var out []ended
	err := tx.SelectContext(ctx, &out, `DELETE FROM identity.session WHERE tenant_id = $1 AND area = $2 AND issuer = $3
		AND ($4 = '' OR subject = $4) AND ($5 = '' OR sid = $5) AND ($4 <> '' OR $5 <> '')
		RETURNING id, person_id, issuer, client`, tx.TenantID(), area, issuer, o.subject, o.sid)
	return out, err
}

// useLogoutToken remembers a logout token; false when it was used before.
func useLogoutToken(ctx context.Context, tx *pg.Tx, issuer string, o logoutOrder) (bool, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO identity.logout_token (tenant_id, issuer, jti_hash, expires_at)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, tx.TenantID(), issuer, hash(o.jti), o.expires)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// signedIn is what an ID token said about a person.
type signedIn struct {
	issuer, subject string
	area            Area
	claims          map[string]string
}

// upsertPerson keeps what the issuer vouches for now and returns our key for (issuer, subject). Claims the issuer did
// not send this time stay: a service with fewer purposes must not erase what another one was given.
func upsertPerson(ctx context.Context, tx *pg.Tx, p signedIn, now time.Time) (kernel.PersonID, error) {
	people.Forget(tx)
	raw, err := json.Marshal(p.claims)
	if err != nil {
		return "", err
	}
	var id kernel.PersonID
	err = tx.GetContext(ctx, &id, `INSERT INTO identity.person AS p (tenant_id, id, issuer, subject, area, name, locale, claims, claims_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
		ON CONFLICT (tenant_id, issuer, subject) DO UPDATE SET
			name = COALESCE(NULLIF(excluded.name, ''), p.name), locale = COALESCE(NULLIF(excluded.locale, ''), p.locale),
			claims = p.claims || excluded.claims, claims_at = excluded.claims_at
		RETURNING id`,
		tx.TenantID(), kernel.NewID(), p.issuer, p.subject, p.area, nameOf(p.claims), localeOf(p.claims["locale"]), raw, now)
	return id, err
}

// knownPerson is the short form of a person.
type knownPerson struct {
	ID     kernel.PersonID `db:"id"`
	Name   string          `db:"name"`
	Locale string          `db:"locale"`
}

func personBySubject(ctx context.Context, tx *pg.Tx, issuer, subject string) (knownPerson, bool, error) {
	var p knownPerson
	err := tx.GetContext(ctx, &p, `SELECT id, name, locale FROM identity.person WHERE tenant_id = $1 AND issuer = $2 AND subject = $3`,
		tx.TenantID(), issuer, subject)
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	return p, err == nil, err
}

// known is a person with everything any issuer's answer said of them, and what of it each mini-app was given.
type known struct {
	kernel.Person
	consents map[string]consent // by slug
}

// consent is what the issuer was asked for on behalf of one mini-app, and what it gave: names of claims.
type consent struct {
	Asked []string `json:"asked"`
	Given []string `json:"given"`
}

// keepConsent writes what the last sign-in of a mini-app asked for and was given.
func keepConsent(ctx context.Context, tx *pg.Tx, person kernel.PersonID, app string, c consent, now time.Time) error {
	people.Forget(tx)
	asked, err := json.Marshal(c.Asked)
	if err != nil {
		return err
	}
	given, err := json.Marshal(c.Given)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO identity.consent (tenant_id, person_id, app, asked, given, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, person_id, app) DO UPDATE SET asked = excluded.asked, given = excluded.given, at = excluded.at`,
		tx.TenantID(), person, app, asked, given, now)
	return err
}

// people are those a transaction has read already. What they share is not changed by anybody.
var people = pg.NewMemo[kernel.PersonID, known]("identity.person")

// readPeople remembers those of ids that exist.
func readPeople(ctx context.Context, tx *pg.Tx, ids []kernel.PersonID) error {
	var rows []struct {
		ID       kernel.PersonID `db:"id"`
		Issuer   string          `db:"issuer"`
		Subject  string          `db:"subject"`
		Locale   string          `db:"locale"`
		Claims   []byte          `db:"claims"`
		Consents []byte          `db:"consents"`
	}
	among, value := pg.Among("id", 2, ids)
	err := tx.SelectContext(ctx, &rows, `SELECT id, issuer, subject, locale, claims, COALESCE((SELECT jsonb_object_agg(c.app, jsonb_build_object('asked', c.asked, 'given', c.given))
		FROM identity.consent c WHERE c.tenant_id = p.tenant_id AND c.person_id = p.id), '{}') AS consents
		FROM identity.person p WHERE tenant_id = $1 AND `+among, tx.TenantID(), value)
	if err != nil {
		return err
	}
	for _, r := range rows {
		p := known{Person: kernel.Person{ID: r.ID, Issuer: r.Issuer, Subject: r.Subject, Locale: r.Locale}}
		if err := errors.Join(json.Unmarshal(r.Claims, &p.Claims), json.Unmarshal(r.Consents, &p.consents)); err != nil {
			return err
		}
		people.Put(tx, p.ID, p)
	}
	return nil
}

// deleteEnded removes what time has ended, in the tenant's transaction.
func deleteEnded(ctx context.Context, tx *pg.Tx, now, idleSince time.Time) error {
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`DELETE FROM identity.login WHERE tenant_id = $1 AND expires_at <= $2`, []any{tx.TenantID(), now}},
		{`DELETE FROM identity.logout_token WHERE tenant_id = $1 AND expires_at <= $2`, []any{tx.TenantID(), now}},
		{`DELETE FROM identity.session WHERE tenant_id = $1 AND (expires_at <= $2 OR seen_at <= $3)`, []any{tx.TenantID(), now, idleSince}},
	} {
		if _, err := tx.ExecContext(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return nil
}
