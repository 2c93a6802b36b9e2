// Package verify judges a sealed file as an attacker would have left it: offline, revision by revision, with a trust bundle
// as its only authority.
package verify
