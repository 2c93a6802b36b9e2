package identity

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"townhall/modules/kernel"
)

// ofIssuer are the claims we keep (Core §5.1), with the scope that asks for each (§5.4).
var ofIssuer = []struct{ name, scope string }{
	{"name", "profile"}, {"given_name", "profile"}, {"family_name", "profile"}, {"birthdate", "profile"},
	{"locale", "profile"}, {"email", "email"}, {"phone_number", "phone"},
	{"address.street_address", "address"}, {"address.locality", "address"}, {"address.region", "address"},
	{"address.postal_code", "address"}, {"address.country", "address"}, {"address.formatted", "address"},
}

// verified flattens what the issuer vouched for. What has not the shape of the standard is left out: a form then asks
// the person. An e-mail address the issuer did not verify is not one we know.
func verified(c claims) map[string]string {
	out := map[string]string{}
	address, _ := c["address"].(map[string]any)
	for _, k := range ofIssuer {
		v := c.text(k.name)
		if part, ok := strings.CutPrefix(k.name, "address."); ok {
			v = claims(address).text(part)
		}
		if v = norm.NFC.String(strings.TrimSpace(v)); v == "" || len(v) > 1000 || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			continue
		}
		out[k.name] = v
	}
	if _, err := time.Parse(time.DateOnly, out["birthdate"]); err != nil {
		delete(out, "birthdate")
	}
	if c["email_verified"] != true {
		delete(out, "email")
	}
	return out
}

// nameOf is what a page greets somebody with.
func nameOf(v map[string]string) string {
	if v["name"] != "" {
		return v["name"]
	}
	return strings.TrimSpace(v["given_name"] + " " + v["family_name"])
}

// localeOf turns a BCP 47 tag or a list of them (ui_locales, Core §3.1.2.1) into one of our languages, or "".
func localeOf(tags string) string {
	for t := range strings.FieldsSeq(tags) {
		tag, err := language.Parse(t)
		if err != nil {
			continue
		}
		base, _ := tag.Base()
		if slices.Contains(kernel.Locales, base.String()) {
			return base.String()
		}
	}
	return ""
}

// scopesFor lists the scopes that carry the wanted claims; openid always, profile for the name to greet with.
func scopesFor(wanted []string) string {
	scopes := []string{"openid", "profile"}
	for _, k := range ofIssuer {
		if slices.ContainsFunc(wanted, func(w string) bool { return w == k.name || strings.HasPrefix(k.name, w+".") }) &&
			!slices.Contains(scopes, k.scope) {
			scopes = append(scopes, k.scope)
		}
	}
	return strings.Join(scopes, " ")
}

// claimsParameter asks for the wanted claims in the ID token and, when acr is not empty, makes one of its values
// essential (Core §5.5.1.1). A provider that gets acr_values as well drops the essential one: never send both.
func claimsParameter(wanted, acr []string) map[string]any {
	in := map[string]any{"name": nil, "locale": nil, "auth_time": map[string]any{"essential": true}}
	for _, w := range wanted {
		name, _, _ := strings.Cut(w, ".")
		in[name] = nil
		if name == "email" {
			in["email_verified"] = nil
		}
	}
	if len(acr) > 0 {
		in["acr"] = map[string]any{"essential": true, "values": acr}
	}
	return map[string]any{"id_token": in}
}
