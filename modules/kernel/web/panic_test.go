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
