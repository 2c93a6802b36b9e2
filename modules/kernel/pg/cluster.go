package pg

import (
	"context"
	"log/slog"
)

// Embedded says where a private cluster lives.
type Embedded struct {
	Dir          string       // holds data, socket and log; made when missing
	Log          *slog.Logger // nil: silent
	FastForTests bool         // fsync off: quick, and worthless after a crash of the machine
	Binaries     string       // explicit folder of initdb and postgres; empty means look for them
}

// Cluster is a private PostgreSQL server that listens on a Unix socket only.
type Cluster struct{ socket string }

// Start starts the cluster in o.Dir, making it first when there is none.
func Start(ctx context.Context, o Embedded) (*Cluster, error) { return nil, ErrNoDatabase }

// URL is how to reach database db as the cluster's owner.
func (c *Cluster) URL(db string) string {
	return "postgres://townhall@/" + db + "?host=" + c.socket + "&sslmode=disable"
}

// Stop ends the server; the data stays.
func (c *Cluster) Stop() {}
