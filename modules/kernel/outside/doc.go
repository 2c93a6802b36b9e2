// Package outside is how the house calls other people's servers, and knows that they call us: a client that reaches no
// private network, and messages signed by the Standard Webhooks specification, in both directions.
package outside
