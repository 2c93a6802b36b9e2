package sign

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// tokenKey is an RFC 7512 address of a key in a PKCS#11 token.
type tokenKey struct {
	module, token, serial string
	object, id            string
	pin                   string
}

func isURI(s string) bool { return strings.HasPrefix(s, "pkcs11:") }

// parseURI reads the attributes that find a key. One it does not know is an error and not ignored: it would have narrowed
// the search. No error holds the PIN.
func parseURI(s string) (tokenKey, error) {
	var k tokenKey
	var pinSource string
	path, query, _ := strings.Cut(strings.TrimPrefix(s, "pkcs11:"), "?")
	into := map[string]*string{"token": &k.token, "serial": &k.serial, "object": &k.object, "id": &k.id}
	if err := attributes(path, ";", into); err != nil {
		return k, err
	}
	if err := attributes(query, "&", map[string]*string{"module-path": &k.module, "pin-value": &k.pin, "pin-source": &pinSource}); err != nil {
		return k, err
	}
	switch {
	case k.module == "":
		return k, errors.New("pkcs11: URI without module-path")
	case (k.token == "") == (k.serial == ""):
		return k, errors.New("pkcs11: URI names its token by either token or serial")
	case k.object == "" && k.id == "":
		return k, errors.New("pkcs11: URI names its key by object or id")
	case pinSource != "" && k.pin != "":
		return k, errors.New("pkcs11: URI has both pin-source and pin-value")
	}
	if pinSource != "" {
		data, err := readSecret(strings.TrimPrefix(strings.TrimPrefix(pinSource, "file://"), "file:"))
		if err != nil {
			return k, err
		}
		k.pin = strings.TrimRight(string(data), "\r\n")
	}
	return k, nil
}

func attributes(s, sep string, into map[string]*string) error {
	if s == "" {
		return nil
	}
	for part := range strings.SplitSeq(s, sep) {
		name, raw, ok := strings.Cut(part, "=")
		if !ok {
			return errors.New("pkcs11: URI has an attribute without a value")
		}
		value, err := url.PathUnescape(raw)
		if err != nil {
			return fmt.Errorf("pkcs11: URI attribute %q is not encoded well", name)
		}
		if name == "type" && value == "private" {
			continue
		}
		to := into[name]
		if to == nil {
			return fmt.Errorf("pkcs11: URI attribute %q is not supported", name)
		}
		if *to != "" {
			return fmt.Errorf("pkcs11: URI attribute %q comes twice", name)
		}
		*to = value
	}
	return nil
}
