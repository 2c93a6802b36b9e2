package published

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// What is not in the list although the log knows it: withdrawn by its agency, retired, or left out by somebody who would rather
// not have it seen.

// meet remembers whose list this is, and who published a mini-app that is listed and good.
func (k *checker) meet(m judged) {
	k.report.Seen.Towns[k.base] = Town{Tenant: strings.TrimSuffix(m.Townhall.ClientID, "."+m.AppID), Origin: originOf(m.Townhall.InitiateLoginURI)}
	k.report.Seen.Agencies[m.Townhall.ClientID] = m.Townhall.Publisher.Agency
}

// missing judges every mini-app of this municipality that the log has and the list has not. Whose list it is, its good manifests
// say, or an earlier check: of a list that is empty from the beginning nothing can be told.
func (k *checker) missing(ctx context.Context, listed map[string]bool) {
	town, ok := k.report.Seen.Towns[k.base]
	if !ok {
		return
	}
	for _, client := range slices.Sorted(maps.Keys(k.log.newest)) {
		app, own := strings.CutPrefix(client, town.Tenant+".")
		if !own || listed[client] {
			continue
		}
		a := AppCheck{Client: client, Index: k.log.newest[client], Gone: LeftOut}
		if err := k.gone(ctx, town, app, &a); err != nil {
			k.fault(client, "%v", err)
		}
		a.Good = a.Gone != LeftOut
		k.report.Apps = append(k.report.Apps, a)
	}
}

// gone finds out why a mini-app is not in the list.
func (k *checker) gone(ctx context.Context, town Town, app string, a *AppCheck) error {
	r, err := k.record(ctx, a.Index)
	if err != nil {
		return err
	}
	if r.Tenant != town.Tenant || r.AppID != app {
		return fmt.Errorf("record %d is of %s.%s", a.Index, r.Tenant, r.AppID)
	}
	a.Version, a.Hash = r.Version, r.Hash
	if r.Withdrawn {
		return k.withdrawn(ctx, town, r, a)
	}
	return k.retired(ctx, town, app, r, a)
}

// withdrawn checks that the agency which published the mini-app signed its withdrawal.
func (k *checker) withdrawn(ctx context.Context, town Town, r Record, a *AppCheck) error {
	a.Agency = r.Agency
	if by := k.report.Seen.Agencies[a.Client]; by != "" && by != r.Agency {
		return fmt.Errorf("withdrawn by %s, which did not publish it: %s did", r.Agency, by)
	}
	keys, err := k.keysAt(ctx, town.Origin+AgencyKeysPath(url.PathEscape(r.Agency)))
	if err != nil {
		return fmt.Errorf("withdrawn, but %w", err)
	}
	if a.Kid, err = CheckWithdrawal(r, keys); err != nil {
		return fmt.Errorf("withdrawn, but not by its agency: %w", err)
	}
	a.Gone = Withdrawn
	return nil
}

// errLeftOut: nothing says that it was taken away on purpose.
var errLeftOut = errors.New("left out of the list: the log has it as published, and nobody withdrew it")

// retired asks for the manifest by itself: what has ended is not listed, but says so.
func (k *checker) retired(ctx context.Context, town Town, app string, r Record, a *AppCheck) error {
	var raw json.RawMessage
	if err := k.get(ctx, k.base+"/wallet/v1/miniapps/"+url.PathEscape(app)+"?lang=en", maxAnswer, &raw); err != nil {
		return errLeftOut
	}
	var m judged
	canonical, err := Canonical(raw)
	if err != nil || json.Unmarshal(raw, &m) != nil || Validate(raw) != nil || m.Townhall.Publication == nil || Hash(canonical) != r.Hash ||
		m.Townhall.Stage != "retired" || originOf(m.Townhall.InitiateLoginURI) != town.Origin {
		return errLeftOut
	}
	a.Agency = m.Townhall.Publisher.Agency
	if a.Kid, err = k.signature(ctx, m, canonical); err != nil {
		return err
	}
	a.Gone = Retired
	return nil
}
