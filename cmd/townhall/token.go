package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"townhall/cmd/wallet/host"
)

// token prints an access token of one of the demo's people, for a demo that was started with the same addresses and folder. It
// stands in for what an integrator's own client gets from an issuer, and works nowhere else: the keys are the demo's.
func token(_ context.Context, c *console, args []string) error {
	fs := c.flags("token")
	person := fs.String("as", "anna", "first name of one of the demo's people, in small letters: anna, maria, carl")
	contract := fs.String("for", "travel", "the contract it is good for: civic, documents, medical, payments, travel, workflow")
	tenant := fs.String("town", "northwick", "the municipality it is good at")
	listen := fs.String("listen", "127.0.0.1:8080", "address of the demo's server")
	walletListen := fs.String("wallet-listen", "127.0.0.1:8090", "address of the demo's wallet")
	data := fs.String("data", "", "folder of the demo, if it was given one")
	if err := fs.Parse(args); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(*listen)
	if err != nil {
		return err
	}
	folder, err := demoFolder(*data, port)
	if err != nil {
		return err
	}
	made, err := host.Handout(filepath.Join(folder, "wallet"), "http://"+*walletListen, *person, fmt.Sprintf("http://%s.localhost:%s/%s/v1", *tenant, port, *contract))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, made)
	return nil
}
