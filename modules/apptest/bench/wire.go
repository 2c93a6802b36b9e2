package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// wire is one keep-alive connection that sends prepared bytes. net/http's client would cost as much as the server
// measured; pgbench, on the other side of the comparison, is as lean as this.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dial(addr string) (*wire, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &wire{c, bufio.NewReader(c)}, nil
}

// do sends one request and reads the answer; the error names any status but want.
func (w *wire) do(request []byte, want int) ([]byte, http.Header, error) {
	if _, err := w.Write(request); err != nil {
		return nil, nil, err
	}
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode != want {
		return nil, nil, fmt.Errorf("answer %d instead of %d: %.300s", resp.StatusCode, want, body)
	}
	return body, resp.Header, nil
}

// load is a stream of requests to one server.
type load struct {
	addr string
	next func() []byte // called by many
	want int
}

// closed lets clients send one request after the other for d, and returns the requests per second.
func (l load) closed(clients int, d time.Duration) (float64, error) {
	var done atomic.Int64
	begin := time.Now()
	err := l.each(clients, func(w *wire) error {
		for time.Since(begin) < d {
			if _, _, err := w.do(l.next(), l.want); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / time.Since(begin).Seconds(), err
}

// paced sends rate requests per second for d, whether or not the answers keep up, and returns how long each took from
// the moment it was due: waiting for a free client counts.
func (l load) paced(clients, rate int, d time.Duration) ([]time.Duration, error) {
	due := make(chan time.Time, int(d.Seconds()+1)*rate)
	var mu sync.Mutex
	var took []time.Duration
	go func() {
		defer close(due)
		begin := time.Now()
		for i := range int(d.Seconds() * float64(rate)) {
			at := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(at))
			due <- at
		}
	}()
	err := l.each(clients, func(w *wire) error {
		for at := range due {
			if _, _, err := w.do(l.next(), l.want); err != nil {
				return err
			}
			mu.Lock()
			took = append(took, time.Since(at))
			mu.Unlock()
		}
		return nil
	})
	return took, err
}

func (l load) each(clients int, fn func(*wire) error) error {
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			w, err := dial(l.addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer w.Close()
			errs[i] = fn(w)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// alone measures one client: the mean time of a request and the processor time this process spends on it, the client's
// own small share included.
func (l load) alone(d time.Duration) (latency, cpu time.Duration, err error) {
	before := processorTime()
	rate, err := l.closed(1, d)
	if err != nil {
		return 0, 0, err
	}
	latency = time.Duration(float64(time.Second) / rate)
	requests := rate * d.Seconds()
	return latency, time.Duration(float64(processorTime()-before) / requests), nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func same(request []byte) func() []byte { return func() []byte { return request } }

// message writes a request as it goes over the wire. headers are "Name: value".
func message(method, host, path string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

func percentile(v []time.Duration, p float64) time.Duration {
	v = slices.Sorted(slices.Values(v))
	if len(v) == 0 {
		return 0
	}
	return v[min(int(p*float64(len(v))), len(v)-1)]
}
