package host

// means is one way a person can pay. Every persona has the same four, so that each outcome of a payment can be
// brought about by hand: one account that always suffices, one card that is always good for it, one card whose issuer
// declines, and one account with next to nothing in it.
type means struct {
	ID       string // stable: the form's value, and part of the account's name in the books
	Icon     string
	Account  bool  // holds money of its own, and no more than that; otherwise a card, which borrows
	Opening  int64 // what an account holds before the first payment, in minor units of whichever currency is asked
	Declines bool  // the issuer says no
}

var allMeans = []means{
	{ID: "everyday", Icon: "wallet", Account: true, Opening: 1_240_00},
	{ID: "card", Icon: "bankcard"},
	{ID: "declined", Icon: "bankcard", Declines: true},
	{ID: "small", Icon: "coins", Account: true, Opening: 1_20},
}

func meansOf(id string) (means, bool) {
	for _, m := range allMeans {
		if m.ID == id {
			return m, true
		}
	}
	return means{}, false
}
