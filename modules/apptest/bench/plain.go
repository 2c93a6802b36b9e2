package bench

import (
	"context"
	"database/sql"
	"net/http"
	"strconv"
)

// view is one thing a signed-in person looks at, with what it takes to answer it plainly.
type view struct {
	name       string
	request    []byte
	answer     []byte
	header     http.Header
	statements []statement
}

// views captures the signed-in requests that are compared: the second of each, when nothing happens for the first time.
func (h *house) views() []view {
	h.t.Helper()
	cookie := h.app.Cookie(tenant, reader)
	session := "Cookie: " + cookie.Name + "=" + cookie.Value
	list := []view{
		{name: "page_cases", request: message("GET", h.host, "/cases", nil, session)},
		{name: "page_service", request: message("GET", h.host, "/apps/residence-certificate", nil, session)},
		{name: "api_applications", request: message("GET", h.host, "/civic/v1/applications", nil, h.token(reader, "/civic/v1/applications"))},
	}
	for i := range list {
		v := &list[i]
		h.once(v.request)
		v.statements = h.listen(func() { v.answer, v.header = h.once(v.request) })
		if len(v.statements) == 0 {
			h.t.Fatalf("%s asks the database nothing: the log was not read", v.name)
		}
	}
	return list
}

// canned answers with the same bytes, without a database.
func (v view) canned() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { v.write(w) })
}

func (v view) write(w http.ResponseWriter) {
	for name, values := range v.header {
		if name != "Date" && name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(v.answer)))
	_, _ = w.Write(v.answer) // a client that went away is its own affair
}

// asking sends the same statements through database/sql, reads their rows and answers with the same bytes.
func (h *house) asking(v view, connections int) http.Handler {
	h.t.Helper()
	free := make(chan *asker, connections)
	for range connections {
		free <- h.newAsker(v)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := <-free
		err := a.ask(r.Context())
		free <- a
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		v.write(w)
	})
}

// asker holds one connection with everything prepared, the quickest way database/sql knows.
type asker struct {
	conn  *sql.Conn
	texts []string    // sent as they are: begin and commit
	stmts []*sql.Stmt // nil where texts has one
	args  [][]any
}

func (h *house) newAsker(v view) *asker {
	h.t.Helper()
	conn, err := h.owner(appDB).Conn(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	if _, err := conn.ExecContext(h.t.Context(), "SET role townhall_rw"); err != nil { // row-level security holds here too
		h.t.Fatal(err)
	}
	a := &asker{conn: conn}
	for _, s := range v.statements {
		var stmt *sql.Stmt
		if !s.simple {
			if stmt, err = conn.PrepareContext(h.t.Context(), s.text); err != nil {
				h.t.Fatal(err)
			}
		}
		a.texts, a.stmts, a.args = append(a.texts, s.text), append(a.stmts, stmt), append(a.args, arguments(s))
	}
	return a
}

func arguments(s statement) []any {
	out := make([]any, len(s.params))
	for i, p := range s.params {
		if !p.null {
			out[i] = p.value
		}
	}
	return out
}

func (a *asker) ask(ctx context.Context) error {
	for i, stmt := range a.stmts {
		if stmt == nil {
			if _, err := a.conn.ExecContext(ctx, a.texts[i]); err != nil {
				return err
			}
			continue
		}
		if err := drain(stmt.QueryContext(ctx, a.args[i]...)); err != nil {
			return err
		}
	}
	return nil
}

func drain(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]sql.RawBytes, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
	}
	return rows.Err()
}
