package modules

import (
	"fmt"
	"net/url"

	"townhall/modules/documents"
	"townhall/modules/documents/sign"
	"townhall/modules/kernel"
)

// DocumentSettings say how documents are sealed. Nothing given: PAdES B-B with keys of the installation's own small
// authority.
type DocumentSettings struct {
	Level     string                           `yaml:"level"`     // B-B (default), B-T, B-LT, B-LTA
	Algorithm string                           `yaml:"algorithm"` // of keys that are made: ecdsa (P-256, default), rsa (2048 bits) or rsa-3072
	Timestamp TimestampSettings                `yaml:"timestamp"` // needed above B-B
	Seals     map[kernel.TenantID]SealSettings `yaml:"seals"`     // certificates from outside, by municipality
}

// TimestampSettings name the timestamp authority (RFC 3161).
type TimestampSettings struct {
	URL   string `yaml:"url"`   // https address, or "embedded" for the installation's own authority: demos and small towns
	Roots string `yaml:"roots"` // PEM file with the roots that vouch for it; not for an embedded one
}

// SealSettings are a key and a certificate that somebody else issued, e.g. a trust service provider.
type SealSettings struct {
	Certificate string `yaml:"certificate"` // PEM file: the seal first, then every intermediate and the root
	Key         Secret `yaml:"key"`         // PEM file that only its owner may read, or a PKCS#11 URI (RFC 7512)
}

func (d DocumentSettings) outside() map[kernel.TenantID]documents.OutsideSeal {
	out := map[kernel.TenantID]documents.OutsideSeal{}
	for tenant, seal := range d.Seals {
		out[tenant] = documents.OutsideSeal{Certificate: seal.Certificate, Key: kernel.NewSensitive(seal.Key.reveal())}
	}
	return out
}

func (d DocumentSettings) check(tenants map[string]bool) []error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("settings: documents.%s: %s", key, fmt.Sprintf(format, args...)))
	}
	level, err := sign.ParseLevel(d.Level)
	if err != nil {
		bad("level", "%v", err)
	}
	if err == nil && level != sign.BB && d.Timestamp.URL == "" {
		bad("timestamp.url", "level %s needs a timestamp authority", level)
	}
	if _, err := sign.ParseAlgorithm(d.Algorithm); err != nil {
		bad("algorithm", "%v", err)
	}
	switch u, err := url.Parse(d.Timestamp.URL); {
	case d.Timestamp.URL == "" || d.Timestamp.URL == "embedded":
	case err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && kernel.LoopbackName(u.Hostname())):
		bad("timestamp.url", "%q: want an https address, or embedded", d.Timestamp.URL)
	case d.Timestamp.Roots == "":
		bad("timestamp.roots", "name the file with the roots that vouch for %s", u.Host)
	}
	for tenant, seal := range d.Seals {
		if !tenants[string(tenant)] {
			bad("seals", "there is no municipality %q", tenant)
		}
		if seal.Certificate == "" || seal.Key == "" {
			bad("seals."+string(tenant), "needs certificate and key")
		}
	}
	return errs
}
