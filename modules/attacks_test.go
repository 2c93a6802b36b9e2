package modules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// proof is one test that refuses an attack: the folder, the function and, where the function has many, the case's name.
type proof struct{ folder, test, name string }

const (
	town   = "modules/identity" // the mini-apps' and the APIs' side
	wallet = "cmd/wallet/host"  // the provider's side
	pages  = "modules/kernel/ui"
	front  = "modules/kernel/web"
)

// attacks are those that launching a mini-app and calling an API must withstand, each with the tests that see it refused.
var attacks = []struct {
	what string
	by   []proof
}{
	{"ticket: replayed", []proof{{wallet, "TestATicketIsRefused", "when it is replayed"}, {wallet, "TestOneOfAHundredParallelRedemptionsSucceeds", ""}}},
	{"ticket: of another app", []proof{{wallet, "TestATicketIsRefused", "for another app"}, {wallet, "TestATicketIsBurntByAnyPresentation", "by another app"}}},
	{"ticket: of another host session", []proof{{wallet, "TestATicketIsRefused", "in another host session"}, {wallet, "TestATicketIsRefused", "in a browser without a session"},
		{wallet, "TestATicketIsBurntByAnyPresentation", "in another browser"}, {wallet, "TestATicketInAPushedRequestIsBoundToTheSession", ""}}},
	{"ticket: expired", []proof{{wallet, "TestATicketIsRefused", "after its 60 seconds"}}},
	{"ticket: none", []proof{{wallet, "TestATicketIsRefused", "when there is none such"}, {town, "TestAttackTicketOfAnotherShape", ""}}},

	{"flow: foreign iss", []proof{{town, "TestAttackForeignIssuer", "unknown"}, {town, "TestAttackForeignIssuer", "staff's"}, {town, "TestAttackForeignIssuer", "none"}}},
	{"flow: open redirect //", []proof{{town, "TestAttackOpenRedirect", "//evil.example"}, {wallet, "TestNothingIsSentToAnAddressThatIsNotRegistered", "//evil.example"}}},
	{"flow: open redirect /\\", []proof{{town, "TestAttackOpenRedirect", "/\\evil.example"}, {town, "TestAttackOpenRedirect", "/%5cevil.example"}}},
	{"flow: open redirect https:", []proof{{town, "TestAttackOpenRedirect", "https:evil.example"}, {town, "TestAttackOpenRedirect", "https://evil.example"}, {wallet, "TestALaunchTargetIsALocalPathOrRefused", ""}}},
	{"flow: open redirect with control characters", []proof{{town, "TestAttackOpenRedirect", "/\t/evil.example"}, {town, "TestAttackOpenRedirect", "/\r\nSet-Cookie: a=b"}, {town, "TestAttackOpenRedirect", "/x\x00y"}}},
	{"flow: open redirect javascript:", []proof{{town, "TestAttackOpenRedirect", "javascript:alert(1)"}, {wallet, "TestNothingIsSentToAnAddressThatIsNotRegistered", "javascript:alert(1)"}}},
	{"flow: mix-up", []proof{{town, "TestAttackMixUp", "another issuer"}, {town, "TestAttackMixUp", "no issuer"}, {town, "TestAttackMixUp", "staff's issuer"},
		{town, "TestAttackMixUpBetweenTheMunicipalityAndAPartner", "the partner's answer names the town"}, {town, "TestAttackPartnerFetchesTheTownsCode", ""}, {wallet, "TestEveryAnswerNamesTheIssuer", ""}}},
	{"flow: state reuse", []proof{{town, "TestAttackStateReuse", ""}}},
	{"flow: callback in another browser", []proof{{town, "TestAttackCallbackInAnotherBrowser", ""}, {wallet, "TestAnInteractionBelongsToOneBrowser", ""}}},
	{"flow: code replay", []proof{{town, "TestAttackCodeReplay", ""}, {wallet, "TestACodeReplayIsRefusedAndRevokesTheToken", ""}}},
	{"flow: code in a 16-way race", []proof{{town, "TestAttackSixteenCallbacksAtOnceOpenOneSession", ""}, {wallet, "TestOneOfSixteenParallelExchangesSucceeds", ""}}},
	{"flow: wrong verifier", []proof{{town, "TestAttackCodeInjection", ""}, {wallet, "TestACodeIsRefused", "with a wrong verifier"}}},
	{"flow: missing verifier", []proof{{wallet, "TestACodeIsRefused", "without a verifier"}}},
	{"flow: other redirect_uri", []proof{{wallet, "TestACodeIsRefused", "for another redirect URI"}, {wallet, "TestACodeIsRefused", "without a redirect URI"}, {wallet, "TestNothingIsSentToAnAddressThatIsNotRegistered", ""}}},
	{"flow: PKCE downgrade", []proof{{wallet, "TestAnAuthorizationRequestIsRefused", "PKCE downgrade: no challenge"}, {wallet, "TestAnAuthorizationRequestIsRefused", "PKCE downgrade: plain"},
		{wallet, "TestAnAuthorizationRequestIsRefused", "PKCE downgrade: no method"}, {wallet, "TestAnAuthorizationRequestIsRefused", "PKCE downgrade: neither"},
		{town, "TestAttackPKCEDowngrade", ""}, {town, "TestTryingAnIssuerSaysWhatItOffersOrWhatIsWrong", ""}}},

	{"ID token: wrong aud", []proof{{town, "TestAttackIDToken", "wrong aud"}, {town, "TestAttackIDToken", "a further aud"}}},
	{"ID token: wrong iss", []proof{{town, "TestAttackIDToken", "wrong iss"}, {town, "TestAttackIDToken", "staff's iss"}}},
	{"ID token: wrong nonce", []proof{{town, "TestAttackIDToken", "wrong nonce"}}},
	{"ID token: none of aud, iss, nonce", []proof{{town, "TestAttackIDToken", "no aud"}, {town, "TestAttackIDToken", "no iss"}, {town, "TestAttackIDToken", "no nonce"}, {town, "TestAttackIDToken", "none of them"}}},
	{"ID token: expired", []proof{{town, "TestAttackIDToken", "expired"}}},
	{"ID token: no exp", []proof{{town, "TestAttackIDToken", "no exp"}}},
	{"ID token: no sub", []proof{{town, "TestAttackIDToken", "no sub"}}},
	{"ID token: no iat", []proof{{town, "TestAttackIDToken", "no iat"}}},
	{"ID token: old iat", []proof{{town, "TestAttackIDToken", "old iat"}}},
	{"ID token: azp", []proof{{town, "TestAttackIDToken", "azp of another client"}, {town, "TestAttackIDToken", "a further aud with azp"}}},
	{"ID token: acr absent", []proof{{town, "TestAttackIDToken", "no acr"}}},
	{"ID token: acr unknown", []proof{{town, "TestAttackIDToken", "unknown acr"}}},

	{"access token: alg none", []proof{{town, "TestAttackAccessToken", "alg none"}, {town, "TestAttackAccessToken", "alg NONE"}}},
	{"access token: HS256 with the public key", []proof{{town, "TestAttackAccessToken", "HS256 with the public key"}}},
	{"access token: an ID token", []proof{{town, "TestAttackAccessToken", "an ID token"}, {town, "TestAttackAccessToken", "an ID token called at+jwt"}}},
	{"access token: a logout token", []proof{{town, "TestAttackAccessToken", "a logout token"}, {town, "TestAttackAccessToken", "a logout token as at+jwt"}}},
	{"access token: wrong aud", []proof{{town, "TestAttackAccessToken", "wrong aud"}, {town, "TestAttackAccessToken", "aud of another contract"}, {town, "TestAttackAccessToken", "aud of another town"}}},
	{"access token: no aud", []proof{{town, "TestAttackAccessToken", "no aud"}}},
	{"access token: wrong iss", []proof{{town, "TestAttackAccessToken", "wrong iss"}, {town, "TestAttackPartnerAtAnotherMunicipality", ""}}},
	{"access token: no sub", []proof{{town, "TestAttackAccessToken", "no sub"}}},
	{"access token: no jti", []proof{{town, "TestAttackAccessToken", "no jti"}}},
	{"access token: no client_id", []proof{{town, "TestAttackAccessToken", "no client_id"}}},
	{"access token: no iat", []proof{{town, "TestAttackAccessToken", "no iat"}}},
	{"access token: other key with a known kid", []proof{{town, "TestAttackAccessToken", "other key with a known kid"}}},
	{"access token: embedded jwk", []proof{{town, "TestAttackAccessToken", "embedded jwk"}, {town, "TestAttackAccessToken", "embedded jwk, own key"}}},
	{"access token: jku", []proof{{town, "TestAttackAccessToken", "jku"}}},
	{"access token: crit", []proof{{town, "TestAttackAccessToken", "crit"}}},
	{"access token: tampered", []proof{{town, "TestAttackAccessToken", "tampered sub"}, {town, "TestAttackAccessToken", "tampered scope"}}},
	{"access token: truncated", []proof{{town, "TestAttackAccessToken", "truncated"}}},
	{"access token: 100 kB", []proof{{town, "TestAttackAccessToken", "100 kB"}}},

	{"keys: rotation", []proof{{town, "TestAttackKeyRotation", ""}, {town, "TestAPartnersKeysRotate", ""}}},
	{"keys: a retired one", []proof{{town, "TestAttackRetiredKey", ""}}},
	{"keys: flood", []proof{{town, "TestAttackFloodOfBadTokens", ""}}},
	{"keys: outage", []proof{{town, "TestAttackKeysOutage", ""}, {town, "TestAttackOutageDuringTheCallback", ""}}},

	{"step-up by another person", []proof{{town, "TestAttackStepUpByAnotherPerson", ""}}},

	{"logout token 1: another type", []proof{{town, "TestAttackLogoutToken", "typ JWT"}, {town, "TestAttackLogoutToken", "no typ"}, {town, "TestAttackLogoutToken", "an access token's typ"}}},
	{"logout token 2: not signed", []proof{{town, "TestAttackLogoutToken", "alg none"}}},
	{"logout token 3: signed with another key", []proof{{town, "TestAttackLogoutToken", "another key"}, {town, "TestAttackLogoutToken", "tampered"}}},
	{"logout token 4: wrong or no iss", []proof{{town, "TestAttackLogoutToken", "wrong iss"}, {town, "TestAttackLogoutToken", "no iss"}}},
	{"logout token 5: wrong or no aud", []proof{{town, "TestAttackLogoutToken", "wrong aud"}, {town, "TestAttackLogoutToken", "no aud"}}},
	{"logout token 6: no or old iat", []proof{{town, "TestAttackLogoutToken", "no iat"}, {town, "TestAttackLogoutToken", "old iat"}}},
	{"logout token 7: expired or no exp", []proof{{town, "TestAttackLogoutToken", "expired"}, {town, "TestAttackLogoutToken", "no exp"}}},
	{"logout token 8: no events", []proof{{town, "TestAttackLogoutToken", "no events"}}},
	{"logout token 9: another event", []proof{{town, "TestAttackLogoutToken", "another event"}, {town, "TestAttackLogoutToken", "event is text"}}},
	{"logout token 10: nonce", []proof{{town, "TestAttackLogoutToken", "nonce"}}},
	{"logout token 11: neither sub nor sid", []proof{{town, "TestAttackLogoutToken", "neither sub nor sid"}}},
	{"logout token 12: no jti", []proof{{town, "TestAttackLogoutToken", "no jti"}}},
	{"logout token 13: replayed", []proof{{town, "TestBackChannelLogoutEndsTheSessionsItNames", ""}}},

	{"session: fixation", []proof{{town, "TestAttackSessionFixation", ""}, {wallet, "TestASessionPlantedBeforeSignInIsWorthNothing", ""}}},
	{"session: CSRF", []proof{{town, "TestAttackCSRF", ""}, {wallet, "TestFormsOfOtherSitesAreRefused", ""}, {wallet, "TestFollowingALinkSignsNobodyIn", ""}}},
	{"session: framing", []proof{{town, "TestAttackFraming", ""}, {wallet, "TestPagesCannotBeFramedAndRunNoScript", ""}, {pages, "TestThePolicyAllowsOurOwnPiecesAndNothingElse", ""}}},

	{"errors: no problem+json, or the wrong WWW-Authenticate", []proof{{town, "TestRefusalsAreProblemsWithTheRightChallenge", "no token"}, {town, "TestRefusalsAreProblemsWithTheRightChallenge", "a bad token"},
		{town, "TestRefusalsAreProblemsWithTheRightChallenge", "too weak a sign-in"}, {town, "TestRefusalsAreProblemsWithTheRightChallenge", "a scope is missing"}, {town, "TestAttackAccessToken", ""},
		{front, "TestAnswersOfAnAPI", ""}, {front, "TestHeadersThatAStatusPromises", ""}}},
}

// testsIn reads the test functions of a folder with the names of their cases: the keys of their tables and the elements of their
// lists, and of the package's variables they name.
func testsIn(t *testing.T, folder string) map[string]map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no tests: %v", folder, err)
	}
	variables, functions := map[string]ast.Node{}, map[string]*ast.FuncDecl{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && strings.HasPrefix(d.Name.Name, "Test") {
					functions[d.Name.Name] = d
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && len(v.Values) == 1 {
						variables[v.Names[0].Name] = v.Values[0]
					}
				}
			}
		}
	}
	out := map[string]map[string]bool{}
	for name, f := range functions {
		texts := map[string]bool{}
		var read func(ast.Node) bool
		read = func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit: // the keys of a table, and the elements of a list
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						e = kv.Key
					}
					if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
						if s, err := strconv.Unquote(lit.Value); err == nil {
							texts[s] = true
						}
					}
				}
			case *ast.Ident:
				if v, ok := variables[n.Name]; ok {
					delete(variables, n.Name) // no circles
					ast.Inspect(v, read)
					variables[n.Name] = v
				}
			case *ast.SelectorExpr:
				if strings.HasPrefix(n.Sel.Name, "Skip") {
					t.Errorf("%s %s: a proof that may be skipped is none", folder, name)
				}
			}
			return true
		}
		if namesOf(folder, name) {
			ast.Inspect(f.Body, read)
		}
		out[name] = texts
	}
	return out
}

// namesOf reports whether the table names that test.
func namesOf(folder, test string) bool {
	for _, a := range attacks {
		for _, p := range a.by {
			if p.folder == folder && p.test == test {
				return true
			}
		}
	}
	return false
}

// Every attack is refused by a test that exists, with the case that is named; and every test that calls itself one of an
// attack is named here.
func TestEveryAttackHasItsTest(t *testing.T) {
	t.Parallel()
	have := map[string]map[string]map[string]bool{}
	seen := map[string]bool{}
	for _, a := range attacks {
		if seen[a.what] || len(a.by) == 0 {
			t.Errorf("%s: named twice, or refused by nothing", a.what)
		}
		seen[a.what] = true
		for _, p := range a.by {
			if have[p.folder] == nil {
				have[p.folder] = testsIn(t, p.folder)
			}
			texts, ok := have[p.folder][p.test]
			if !ok {
				t.Errorf("%s: there is no %s in %s", a.what, p.test, p.folder)
			} else if p.name != "" && !texts[p.name] {
				t.Errorf("%s: %s in %s has no case %q", a.what, p.test, p.folder, p.name)
			}
		}
	}
	for test := range have[town] {
		if strings.HasPrefix(test, "TestAttack") && !namesOf(town, test) && !furtherAttacks[test] {
			t.Errorf("%s is in no list of attacks", test)
		}
	}
	for test := range furtherAttacks {
		if _, ok := have[town][test]; !ok || namesOf(town, test) {
			t.Errorf("%s: not there, or named twice", test)
		}
	}
}

// furtherAttacks are refused as well, beyond what the launch demands.
var furtherAttacks = map[string]bool{
	"TestAttackCallbackAfterItsTime": true, "TestAttackCallbackOfAnotherMiniAppAreaOrMunicipality": true,
	"TestAttackSessionOfOneMunicipalityOrAreaInAnother": true, "TestAttackTheDatabaseHoldsNoNameOfASession": true,
	"TestAttackStepUpAtAWeakerLevelThanAsked": true, "TestAttackLaunchContextAuthorisesNothing": true,
	"TestAttackDiscoveryThatLeadsElsewhere": true, "TestAttackConfigurationThatContradictsItself": true,
	"TestAttackClientKeysArePerMunicipalityAndPrivate": true, "TestAttackKeyUsedForAnotherAlgorithm": true, "TestAttackTokenInOtherPlaces": true,
	"TestAttackPartnerTakenAway": true, "TestAttackPartnerImpersonatesTheMunicipalitysStaff": true, "TestAttackPartnerVouchesForPrograms": true,
	"TestAttackPartnerAtAnIssuerThatIsNotForStaffOrNotSafe": true, "TestAttackPartnerReachesInside": true,
}
