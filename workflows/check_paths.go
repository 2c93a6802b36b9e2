package workflows

import "slices"

// paths searches the graph of states.
func (c *checker) paths() {
	d := c.d
	reached := c.reach(d.Initial())
	for _, s := range d.States {
		key := "states." + s.Name
		if !reached[s.Name] {
			c.say(key, "cannot be reached from %s", d.Initial())
			continue
		}
		if s.Final {
			c.entrances(key, s)
			continue
		}
		if !c.leads(s.Name) {
			c.say(key, "is a dead end: no person's action and no timer leads out of it")
		} else if !c.ends(s.Name) {
			c.say(key, "never comes to an end: no final state can be reached from it")
		}
	}
}

// reach returns every state that can be come to from one.
func (c *checker) reach(from string) map[string]bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for i := range c.d.Actions {
			a := &c.d.Actions[i]
			if slices.Contains(a.From, queue[0]) && a.To != "" && !seen[a.To] && c.happens(a, queue[0]) {
				seen[a.To] = true
				queue = append(queue, a.To)
			}
		}
	}
	return seen
}

// happens reports that somebody takes the action in the state: a person, a payment, or a timer for the system.
func (c *checker) happens(a *Action, state string) bool {
	if !a.bySystemAlone() || a.When != "" {
		return true
	}
	return slices.ContainsFunc(c.d.Timers, func(t Timer) bool { return t.State == state && t.Action == a.Name }) || a.Through != ""
}

func (c *checker) leads(state string) bool {
	return slices.ContainsFunc(c.d.Actions, func(a Action) bool {
		return slices.Contains(a.From, state) && a.To != "" && a.To != state && c.happens(&a, state)
	})
}

func (c *checker) ends(state string) bool {
	for s := range c.reach(state) {
		if st := c.d.State(s); st != nil && st.Final {
			return true
		}
	}
	return false
}

// entrances keeps promise 12 on every way into a final state: what is adverse was decided adversely, what was
// decided adversely is called so, and no program or applicant gets there.
func (c *checker) entrances(key string, s State) {
	for i := range c.d.Actions {
		a := &c.d.Actions[i]
		if a.To != s.Name {
			continue
		}
		switch {
		case s.Outcome == Adverse && a.Decision != Adverse:
			c.say(key, "%s leads to an adverse end but is not declared an adverse decision", a.Name)
		case s.Outcome != Adverse && a.Decision == Adverse:
			c.say(key, "%s is an adverse decision but the state's outcome is %s", a.Name, s.Outcome)
		case s.Outcome == Favourable && a.Decision != Favourable:
			c.say(key, "%s leads to a favourable end but is not declared a favourable decision", a.Name)
		}
	}
}

// used reports what is declared and never used: most often a typing error elsewhere.
func (c *checker) used() {
	d := c.d
	forms, notices, documents, effects, roles := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range d.Actions {
		forms[a.Form] = true
		mark(notices, a.Notices)
		mark(documents, a.Documents)
		mark(effects, a.Effects)
		mark(roles, a.By)
		if a.bySystemAlone() && a.Through == "" && a.When == "" && !slices.ContainsFunc(d.Timers, func(t Timer) bool { return t.Action == a.Name }) {
			c.say("actions."+a.Name, "the system never takes it: no timer names it")
		}
	}
	fields := map[string]bool{}
	for _, f := range d.Forms {
		if !forms[f.Name] {
			c.form("forms."+f.Name, "is asked by no action")
		}
		mark(fields, f.FieldNames())
	}
	for _, f := range d.Fields {
		if !fields[f.Name] {
			c.form("fields."+f.Name, "is asked on no page")
		}
	}
	for _, doc := range d.Documents {
		if !documents[doc.Name] {
			c.doc("documents."+doc.Name, "is issued by no action")
		}
	}
	c.unused("notices", d.Notices, notices)
	c.unused("effects", d.Effects, effects)
	c.unused("roles", d.Roles, roles)
}

func (c *checker) unused(kind string, declared []string, used map[string]bool) {
	for _, n := range declared {
		if !used[n] {
			c.say(kind+"."+n, "is used by no action")
		}
	}
}

func mark(set map[string]bool, names []string) {
	for _, n := range names {
		set[n] = true
	}
}
