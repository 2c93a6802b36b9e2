package host

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"townhall/modules/kernel"
)

// handoutClient is who the tokens of Handout were made for.
const handoutClient = "demo.command-line"

// Handout makes an access token of one of the demonstration's people for one contract, audience, of a municipality, so that the
// contracts can be tried without a client of one's own. Who calls it can read the wallet's keys in dataDir and could sign
// anything: it gives nobody a right. No wallet needs to run; none has run when dataDir holds no keys, which is an error,
// and so are a person and an audience that do not exist.
func Handout(dataDir, issuer, person, audience string) (string, error) {
	origin, err := checkOrigin(issuer)
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	at, err := url.Parse(audience)
	if err != nil || at.Host == "" {
		return "", fmt.Errorf("audience %q: want the address of a contract", audience)
	}
	if _, err := os.Stat(filepath.Join(dataDir, "keys.json")); err != nil { // openKeys would make some that nobody trusts
		return "", fmt.Errorf("wallet keys: %w", err)
	}
	keys, err := openKeys(dataDir)
	if err != nil {
		return "", err
	}
	w := &Wallet{cfg: Config{Personas: DemoPersonas()}, origin: origin, clock: kernel.SystemClock{}}
	p := newProvider(w, "", "citizens", keys.Citizens, keys.Salt, nil)
	who, found := w.persona(person, false)
	if !found {
		p = newProvider(w, "/staff", "staff", keys.Staff, keys.Salt, nil)
		if who, found = w.persona(person, true); !found {
			return "", fmt.Errorf("nobody here is called %q", person)
		}
	}
	return p.accessToken(Client{ID: handoutClient, Sector: at.Scheme + "://" + at.Host},
		&grant{Scopes: []string{"openid"}, Persona: who.ID, Session: newSecret(), AuthTime: w.clock.Now(), ACR: acrOf(who.Level), TokenID: newSecret()}, who, audience)
}
