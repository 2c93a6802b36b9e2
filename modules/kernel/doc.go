// Package kernel is the vocabulary every module shares: who acts (Principal), for which
// municipality (Tenant), what went wrong (Error), what a thing is called (ids, event names), and the
// contracts in which modules meet. It imports the standard library only, so that reading it is
// enough to know what the modules promise each other.
package kernel
