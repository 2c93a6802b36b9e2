package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a panic carries may be what somebody typed: the log names its type and where it happened.
func TestAPanicIsLoggedWithoutItsText(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://northwick.localhost:8080/panic", nil))
	if log := h.log.String(); w.Code != 500 || strings.Contains(log, "hunter2") || !strings.Contains(log, "errors.errorString") || !strings.Contains(log, "server_test.go") {
		t.Errorf("%d %s", w.Code, log)
	}
}

func TestWhatIsSomebodysOwnIsKeptInNoCache(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := httptest.NewRequest(http.MethodPost, "http://northwick.localhost:8080/test/v1/amounts", strings.NewReader(`{"amount":1}`))
	for k, v := range map[string]string{"Authorization": "Bearer x", "X-Test-Who": "citizen", "Content-Type": "application/json", "Idempotency-Key": "k"} {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code >= 300 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %s", w.Code, w.Header().Get("Cache-Control"), w.Body)
	}
}
