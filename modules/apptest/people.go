package apptest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// Know gives people verified claims in a municipality, as a sign-in through every mini-app in turn would have: each was asked for
// its own and given them. Mini-apps that are made later have asked for nothing, unless Make made them.
func (a *App) Know(tenant kernel.TenantID, people ...Who) {
	a.t.Helper()
	offered, err := workflows.LoadEmbedded()
	if err != nil {
		a.t.Fatal(err)
	}
	if a.Town != nil {
		offered = a.Library
	}
	for _, who := range people {
		claims := map[string]string{
			"name": who.Name, "birthdate": "1988-04-17", "address.street_address": "12 Mill Lane",
			"address.locality": "Northwick", "address.postal_code": "NW7 2QH", "address.country": "GB",
		}
		issuer, area := a.Citizens.URL, "citizen"
		if who.staff() {
			issuer, area, claims = a.Staff.URL, "staff", map[string]string{"name": who.Name}
		}
		b, err := json.Marshal(claims)
		if err != nil {
			a.t.Fatal(err)
		}
		err = a.DB.InTx(a.t.Context(), tenant, func(tx *pg.Tx) error {
			_, err := tx.Exec(`INSERT INTO identity.person (tenant_id, id, issuer, subject, area, name, locale, claims, claims_at, created_at)
				VALUES ($1, $2, $3, $4, $5, $6, 'en', $7, now(), now()) ON CONFLICT (tenant_id, issuer, subject) DO NOTHING`,
				tenant, kernel.NewID(), issuer, who.Subject, area, who.Name, b)
			if err != nil || who.staff() {
				return err
			}
			for _, d := range offered.All() {
				if err := consent(tx, issuer, who.Subject, d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// asked lets everybody who is known in northwick have been through the sign-in of one more mini-app.
func (a *App) asked(app string) {
	a.t.Helper()
	d, ok := a.Library.Get(app)
	if !ok {
		a.t.Fatalf("there is no mini-app %q", app)
	}
	err := a.DB.InTx(a.t.Context(), "northwick", func(tx *pg.Tx) error {
		var known []struct{ Issuer, Subject string }
		if err := tx.Select(&known, `SELECT issuer, subject FROM identity.person WHERE tenant_id = $1 AND area = 'citizen'`, tx.TenantID()); err != nil {
			return err
		}
		for _, who := range known {
			if err := consent(tx, who.Issuer, who.Subject, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

// consent is what a sign-in through one mini-app leaves.
func consent(tx *pg.Tx, issuer, subject string, d *workflows.Definition) error {
	names := []string{"name", "given_name", "family_name", "locale"}
	for _, c := range d.Claims {
		names = append(names, c.Name)
	}
	b, err := json.Marshal(names)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO identity.consent (tenant_id, person_id, app, asked, given, at)
		SELECT tenant_id, id, $4, $5, $5, now() FROM identity.person WHERE tenant_id = $1 AND issuer = $2 AND subject = $3
		ON CONFLICT DO NOTHING`, tx.TenantID(), issuer, subject, d.Slug, b)
	return err
}

// staff reports whether the staff's issuer vouches for who.
func (w Who) staff() bool { return strings.HasSuffix(w.Client, ".staff") }

// Cookie opens a session for who and returns the cookie a browser would hold.
func (a *App) Cookie(tenant kernel.TenantID, who Who) *http.Cookie {
	a.t.Helper()
	secret := make([]byte, 32)
	rand.Read(secret)
	token := base64.RawURLEncoding.EncodeToString(secret)
	hash := sha256.Sum256([]byte(token))
	issuer, area, name := a.Citizens.URL, "citizen", "__Host-sid"
	if who.staff() {
		issuer, area, name = a.Staff.URL, "staff", "__Host-staff"
	}
	groups, err := json.Marshal(who.Groups)
	if err != nil {
		a.t.Fatal(err)
	}
	if who.Groups == nil {
		groups = []byte("[]")
	}
	now := time.Now()
	err = a.DB.InTx(a.t.Context(), tenant, func(tx *pg.Tx) error {
		_, err := tx.Exec(`INSERT INTO identity.session (tenant_id, id, token_hash, area, person_id, issuer, subject, client, level, auth_time, groups, created_at, seen_at, expires_at)
			SELECT $1, $2, $3, $4, p.id, p.issuer, p.subject, $5, $6, $7, $8, $7, $7, $9 FROM identity.person p
			WHERE p.tenant_id = $1 AND p.issuer = $10 AND p.subject = $11`,
			tenant, kernel.NewID(), hash[:], area, who.Client, int(ACR[who.ACR]), now, groups, now.Add(time.Hour), issuer, who.Subject)
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return &http.Cookie{Name: name, Value: token}
}
