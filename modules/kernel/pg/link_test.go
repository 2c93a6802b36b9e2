package pg_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	neturl "net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// proxy stands between the program and the server, and does something to the link when it sees a message.
type proxy struct {
	url     string
	trigger []byte
	do      func(message []byte, toServer io.Writer) (cut bool)
	armed   atomic.Bool
	silent  atomic.Bool // swallow what the server answers
}

func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	socket := u.Query().Get("host") + "/.s.PGSQL.5432"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "postgres://townhall@" + l.Addr().String() + u.Path + "?sslmode=disable", trigger: []byte("COMMIT\x00")}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("unix", socket)
			if err != nil {
				c.Close()
				continue
			}
			all.Go(func() { p.up(c, s) })
			all.Go(func() { p.down(c, s) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return p
}

func (p *proxy) up(c, s net.Conn) {
	defer c.Close()
	defer s.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(b[:n], p.trigger) && p.armed.Swap(false) {
			if p.do(b[:n], s) {
				return
			}
			continue
		}
		if _, err := s.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) down(c, s net.Conn) {
	defer c.Close()
	defer s.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := s.Read(b)
		if err != nil {
			return
		}
		if p.silent.Load() {
			continue
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

func TestACutAtCommitIsAnUnknownOutcomeAndNeverRunsTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(p *proxy) func([]byte, io.Writer) bool
		rows int
	}{
		"before the server got it": {func(*proxy) func([]byte, io.Writer) bool {
			return func([]byte, io.Writer) bool { return true }
		}, 0},
		"before the server answered": {func(p *proxy) func([]byte, io.Writer) bool {
			return func(b []byte, s io.Writer) bool {
				p.silent.Store(true)
				s.Write(b)
				time.Sleep(100 * time.Millisecond) // let it commit; the answer is swallowed
				return true
			}
		}, 1},
		"by silence": {func(p *proxy) func([]byte, io.Writer) bool {
			return func(b []byte, s io.Writer) bool {
				p.silent.Store(true)
				s.Write(b)
				return false
			}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct, url := notes(t)
			p := newProxy(t, url)
			p.do = c.do(p)
			db, err := pg.Open(t.Context(), pg.Options{URL: p.url, MaxConns: 2, Timeout: 400 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			p.armed.Store(true)
			runs := 0
			err = db.InTx(t.Context(), north, func(tx *pg.Tx) error {
				runs++
				return insert(t.Context(), tx, north, kernel.NewID())
			})
			if !errors.Is(err, pg.ErrUnknownOutcome) || kernel.KindOf(err) != kernel.Unavailable {
				t.Errorf("got %v", err)
			}
			if n := count(t, direct, north); runs != 1 || n != c.rows {
				t.Errorf("ran %d times and left %d rows, want 1 and %d", runs, n, c.rows)
			}
			p.silent.Store(false)
			if err := db.InTx(t.Context(), north, func(tx *pg.Tx) error { return insert(t.Context(), tx, north, kernel.NewID()) }); err != nil {
				t.Errorf("the next transaction: %v", err)
			}
		})
	}
}

func TestALinkCutInsideATransactionSavesNothing(t *testing.T) {
	t.Parallel()
	direct, url := notes(t)
	p := newProxy(t, url)
	p.trigger = []byte("cut-here")
	p.do = func([]byte, io.Writer) bool { return true }
	db := open(t, p.url)
	p.armed.Store(true)
	runs := 0
	err := db.InTx(t.Context(), north, func(tx *pg.Tx) error {
		runs++
		if err := insert(t.Context(), tx, north, "a"); err != nil {
			return err
		}
		return insert(t.Context(), tx, north, "cut-here")
	})
	if !errors.Is(err, pg.ErrNoDatabase) || runs != 1 || count(t, direct, north) != 0 {
		t.Errorf("%d runs: %v", runs, err)
	}
}

func TestAServerThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := pg.Open(t.Context(), pg.Options{URL: "postgres://townhall@/x?host=/nowhere&sslmode=disable"})
	if !errors.Is(err, pg.ErrNoDatabase) {
		t.Errorf("got %v", err)
	}
}

func TestConnectionsTheServerEndedAreReplacedUnnoticed(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	for round := range 3 {
		var used sync.WaitGroup
		for range 4 {
			used.Go(func() {
				if err := db.InTx(t.Context(), north, func(tx *pg.Tx) error { return insert(t.Context(), tx, north, kernel.NewID()) }); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		used.Wait()
		asOwner(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	}
	if n := count(t, db, north); n != 12 {
		t.Errorf("%d rows, want 12", n)
	}
}
