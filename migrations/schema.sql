CREATE SCHEMA audit;

CREATE SCHEMA casework;

CREATE SCHEMA documents;

CREATE SCHEMA identity;

CREATE SCHEMA kernel;

CREATE SCHEMA notify;

CREATE FUNCTION public.app_distribute(tbl text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
    EXECUTE format('SELECT create_distributed_table(%L, %L)', tbl, 'tenant_id');
  END IF;
END $$;

CREATE FUNCTION public.app_protect(tbl text, how text DEFAULT 'change'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE schema_name text := split_part(tbl, '.', 1);
BEGIN
  IF how NOT IN ('change', 'insert') THEN
    RAISE EXCEPTION 'app_protect: % is neither change nor insert', how;
  END IF;
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl::regclass);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl::regclass);
  EXECUTE format('CREATE POLICY tenant ON %s USING (tenant_id = (SELECT app_tenant())) WITH CHECK (tenant_id = (SELECT app_tenant()))', tbl::regclass);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO townhall_rw, townhall_ro', schema_name);
  EXECUTE format('GRANT SELECT ON %s TO townhall_ro', tbl::regclass);
  EXECUTE format('GRANT SELECT, INSERT ON %s TO townhall_rw', tbl::regclass);
  IF how = 'change' THEN
    EXECUTE format('GRANT UPDATE, DELETE ON %s TO townhall_rw', tbl::regclass);
  END IF;
END $$;

CREATE FUNCTION public.app_tenant() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE t text := current_setting('app.tenant', true);
BEGIN
  IF t IS NULL OR t = '' THEN
    RAISE EXCEPTION 'app.tenant is not set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN t;
END $$;

CREATE TABLE audit.entry (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_kind text NOT NULL,
    actor uuid,
    client text NOT NULL,
    agencies jsonb NOT NULL,
    action text NOT NULL,
    case_id uuid,
    subject uuid,
    details jsonb NOT NULL,
    CONSTRAINT entry_action_shape CHECK ((action ~ '^[a-z][a-z0-9.-]{0,63}$'::text)),
    CONSTRAINT entry_actor_kind_known CHECK ((actor_kind = ANY (ARRAY['anonymous'::text, 'citizen'::text, 'staff'::text, 'integrator'::text, 'host'::text, 'system'::text]))),
    CONSTRAINT entry_agencies_list CHECK ((jsonb_typeof(agencies) = 'array'::text)),
    CONSTRAINT entry_client_size CHECK ((length(client) <= 255)),
    CONSTRAINT entry_details_object CHECK (((jsonb_typeof(details) = 'object'::text) AND (pg_column_size(details) <= 8192))),
    CONSTRAINT entry_people_are_named CHECK (((actor_kind <> ALL (ARRAY['citizen'::text, 'staff'::text])) OR (actor IS NOT NULL)))
);

ALTER TABLE ONLY audit.entry FORCE ROW LEVEL SECURITY;

CREATE TABLE casework."case" (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    number text NOT NULL,
    service text NOT NULL,
    sector text NOT NULL,
    workflow_hash text NOT NULL,
    agency text NOT NULL,
    applicant uuid NOT NULL,
    applicant_name text NOT NULL,
    assignee uuid,
    state text NOT NULL,
    final boolean NOT NULL,
    waiting text NOT NULL,
    version integer NOT NULL,
    entered integer NOT NULL,
    answers jsonb NOT NULL,
    locale text NOT NULL,
    channel text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    due_at timestamp with time zone,
    closed_at timestamp with time zone,
    CONSTRAINT case_answers_object CHECK ((jsonb_typeof(answers) = 'object'::text)),
    CONSTRAINT case_channel_known CHECK ((channel = ANY (ARRAY[''::text, 'list'::text, 'search'::text, 'qr'::text, 'share'::text, 'recents'::text, 'nearby'::text, 'push'::text]))),
    CONSTRAINT case_closed_when_final CHECK ((final = (closed_at IS NOT NULL))),
    CONSTRAINT case_final_waits_for_nobody CHECK (((NOT final) OR ((waiting = 'nobody'::text) AND (due_at IS NULL)))),
    CONSTRAINT case_locale_known CHECK ((locale = ANY (ARRAY['en'::text, 'ru'::text, 'zh'::text]))),
    CONSTRAINT case_sizes CHECK (((length(number) <= 40) AND (length(applicant_name) <= 300) AND (pg_column_size(answers) <= 131072))),
    CONSTRAINT case_times_in_order CHECK (((updated_at >= created_at) AND (entered_at >= created_at) AND ((submitted_at IS NULL) OR (submitted_at >= created_at)) AND ((closed_at IS NULL) OR (closed_at >= created_at)))),
    CONSTRAINT case_version_counts CHECK (((version >= 1) AND ((entered >= 1) AND (entered <= version)))),
    CONSTRAINT case_waiting_known CHECK ((waiting = ANY (ARRAY['applicant'::text, 'agency'::text, 'nobody'::text])))
);

ALTER TABLE ONLY casework."case" FORCE ROW LEVEL SECURITY;

CREATE TABLE casework.event (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    seq integer NOT NULL,
    action text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    actor_kind text NOT NULL,
    role text NOT NULL,
    actor_id uuid,
    actor_name text NOT NULL,
    input jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT event_actor_known CHECK ((actor_kind = ANY (ARRAY['citizen'::text, 'staff'::text, 'system'::text]))),
    CONSTRAINT event_first_opens CHECK (((seq = 1) = (from_state = ''::text))),
    CONSTRAINT event_input_object CHECK ((jsonb_typeof(input) = 'object'::text)),
    CONSTRAINT event_person_acts CHECK (((actor_kind = 'system'::text) = (actor_id IS NULL))),
    CONSTRAINT event_seq_counts CHECK ((seq >= 1))
);

ALTER TABLE ONLY casework.event FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.document (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    case_id uuid,
    holder uuid NOT NULL,
    agency text NOT NULL,
    type text NOT NULL,
    number text NOT NULL,
    code text NOT NULL,
    title text NOT NULL,
    municipality text NOT NULL,
    issuer text NOT NULL,
    locale text NOT NULL,
    content jsonb,
    content_hash bytea NOT NULL,
    template text NOT NULL,
    state text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    published_at timestamp with time zone,
    superseded_by uuid,
    revoked_at timestamp with time zone,
    revoked_by uuid,
    revoke_reason text,
    version integer DEFAULT 1 NOT NULL,
    reissue_of uuid,
    reissue_reason text,
    superseded_at timestamp with time zone,
    status_index integer,
    CONSTRAINT document_hash_is_sha256 CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT document_pending_has_content CHECK (((state <> 'pending'::text) OR (content IS NOT NULL))),
    CONSTRAINT document_published_has_time CHECK (((state = 'pending'::text) = (published_at IS NULL))),
    CONSTRAINT document_reissue_has_reason CHECK ((((reissue_of IS NULL) = (reissue_reason IS NULL)) AND (reissue_of <> id))),
    CONSTRAINT document_revoked_has_reason CHECK (((state = 'revoked'::text) = ((revoke_reason IS NOT NULL) AND (revoked_at IS NOT NULL)))),
    CONSTRAINT document_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'valid'::text, 'superseded'::text, 'revoked'::text]))),
    CONSTRAINT document_status_index_not_negative CHECK ((status_index >= 0)),
    CONSTRAINT document_superseded_by_another CHECK (((state <> 'superseded'::text) OR ((superseded_by IS NOT NULL) AND (superseded_by <> id))))
);

ALTER TABLE ONLY documents.document FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.document_check (
    tenant_id text NOT NULL,
    document_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    how text NOT NULL,
    share_id uuid NOT NULL,
    count integer NOT NULL,
    CONSTRAINT document_check_counts CHECK ((count > 0)),
    CONSTRAINT document_check_how_known CHECK ((how = ANY (ARRAY['number'::text, 'file'::text, 'share'::text]))),
    CONSTRAINT document_check_of_a_share CHECK (((how = 'share'::text) = (share_id <> '00000000-0000-0000-0000-000000000000'::uuid)))
);

ALTER TABLE ONLY documents.document_check FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.file (
    tenant_id text NOT NULL,
    document_id uuid NOT NULL,
    sha256 bytea NOT NULL,
    bytes bytea NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    level text DEFAULT 'B-B'::text NOT NULL,
    proven_at timestamp with time zone,
    renew_before timestamp with time zone,
    CONSTRAINT file_hash_is_sha256 CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT file_level_known CHECK ((level = ANY (ARRAY['B-B'::text, 'B-T'::text, 'B-LT'::text, 'B-LTA'::text]))),
    CONSTRAINT file_revision_counts CHECK ((revision > 0))
);

ALTER TABLE ONLY documents.file FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.halt (
    tenant_id text NOT NULL,
    halted boolean NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone,
    changed_by uuid,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT halt_has_reason CHECK (((NOT halted) OR ((reason <> ''::text) AND (changed_at IS NOT NULL))))
);

ALTER TABLE ONLY documents.halt FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.share (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    label text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT share_expires CHECK ((expires_at > created_at)),
    CONSTRAINT share_label_short CHECK (((length(label) >= 1) AND (length(label) <= 80))),
    CONSTRAINT share_token_is_sha256 CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY documents.share FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.login (
    tenant_id text NOT NULL,
    state_hash bytea NOT NULL,
    browser_hash bytea NOT NULL,
    area text NOT NULL,
    app text NOT NULL,
    issuer text NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    target text NOT NULL,
    level smallint NOT NULL,
    max_age_s integer NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT login_area_check CHECK ((area = ANY (ARRAY['citizen'::text, 'staff'::text]))),
    CONSTRAINT login_hash_check CHECK (((octet_length(state_hash) = 32) AND (octet_length(browser_hash) = 32))),
    CONSTRAINT login_level_check CHECK (((level >= 0) AND (level <= 3)))
);

ALTER TABLE ONLY identity.login FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.logout_token (
    tenant_id text NOT NULL,
    issuer text NOT NULL,
    jti_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY identity.logout_token FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.person (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    area text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    locale text DEFAULT ''::text NOT NULL,
    claims jsonb DEFAULT '{}'::jsonb NOT NULL,
    claims_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT person_area_check CHECK ((area = ANY (ARRAY['citizen'::text, 'staff'::text]))),
    CONSTRAINT person_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 255)))
);

ALTER TABLE ONLY identity.person FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.session (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    token_hash bytea NOT NULL,
    area text NOT NULL,
    person_id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    sid text DEFAULT ''::text NOT NULL,
    client text NOT NULL,
    level smallint NOT NULL,
    auth_time timestamp with time zone,
    groups jsonb DEFAULT '[]'::jsonb NOT NULL,
    launch jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT session_area_check CHECK ((area = ANY (ARRAY['citizen'::text, 'staff'::text]))),
    CONSTRAINT session_end_check CHECK ((expires_at > created_at)),
    CONSTRAINT session_level_check CHECK (((level >= 0) AND (level <= 3))),
    CONSTRAINT session_token_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY identity.session FORCE ROW LEVEL SECURITY;

CREATE TABLE kernel.effect (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    case_id uuid,
    payload jsonb NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    leased boolean DEFAULT false NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT effect_done CHECK (((state = 'done'::text) = (done_at IS NOT NULL))),
    CONSTRAINT effect_last_error_check CHECK ((length(last_error) <= 300)),
    CONSTRAINT effect_name_check CHECK ((name ~~ '%_/_%'::text)),
    CONSTRAINT effect_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'dead'::text])))
);

ALTER TABLE ONLY kernel.effect FORCE ROW LEVEL SECURITY;

CREATE TABLE kernel.idempotency (
    tenant_id text NOT NULL,
    principal text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    hash text NOT NULL,
    result json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);

ALTER TABLE ONLY kernel.idempotency FORCE ROW LEVEL SECURITY;

CREATE TABLE notify.delivery (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    channel text NOT NULL,
    outcome text NOT NULL,
    attempt integer NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT delivery_attempt_counts CHECK ((attempt >= 1)),
    CONSTRAINT delivery_channel_known CHECK ((channel = ANY (ARRAY['webhook'::text, 'email'::text]))),
    CONSTRAINT delivery_outcome_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'refused'::text, 'no-address'::text])))
);

ALTER TABLE ONLY notify.delivery FORCE ROW LEVEL SECURITY;

CREATE TABLE notify.message (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    person uuid NOT NULL,
    case_id uuid NOT NULL,
    service text NOT NULL,
    number text NOT NULL,
    notice text NOT NULL,
    title jsonb NOT NULL,
    body jsonb NOT NULL,
    path text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    read_at timestamp with time zone,
    CONSTRAINT message_path_local CHECK ((path ~ '^/([^/\\]|$)'::text)),
    CONSTRAINT message_texts CHECK (((jsonb_typeof(title) = 'object'::text) AND (jsonb_typeof(body) = 'object'::text))),
    CONSTRAINT message_times_in_order CHECK (((read_at IS NULL) OR (read_at >= created_at)))
);

ALTER TABLE ONLY notify.message FORCE ROW LEVEL SECURITY;

ALTER TABLE ONLY audit.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY casework."case"
    ADD CONSTRAINT case_number_key UNIQUE (tenant_id, number);

ALTER TABLE ONLY casework."case"
    ADD CONSTRAINT case_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY casework.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (tenant_id, case_id, seq);

ALTER TABLE ONLY documents.document_check
    ADD CONSTRAINT document_check_pkey PRIMARY KEY (tenant_id, document_id, hour, how, share_id);

ALTER TABLE ONLY documents.document
    ADD CONSTRAINT document_code_once UNIQUE (tenant_id, code);

ALTER TABLE ONLY documents.document
    ADD CONSTRAINT document_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY documents.file
    ADD CONSTRAINT file_hash_once UNIQUE (tenant_id, sha256);

ALTER TABLE ONLY documents.file
    ADD CONSTRAINT file_pkey PRIMARY KEY (tenant_id, document_id, revision);

ALTER TABLE ONLY documents.halt
    ADD CONSTRAINT halt_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY documents.share
    ADD CONSTRAINT share_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY documents.share
    ADD CONSTRAINT share_token_once UNIQUE (tenant_id, token_hash);

ALTER TABLE ONLY identity.login
    ADD CONSTRAINT login_pkey PRIMARY KEY (tenant_id, state_hash);

ALTER TABLE ONLY identity.logout_token
    ADD CONSTRAINT logout_token_pkey PRIMARY KEY (tenant_id, issuer, jti_hash);

ALTER TABLE ONLY identity.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.person
    ADD CONSTRAINT person_subject_key UNIQUE (tenant_id, issuer, subject);

ALTER TABLE ONLY identity.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.session
    ADD CONSTRAINT session_token_key UNIQUE (tenant_id, token_hash);

ALTER TABLE ONLY kernel.effect
    ADD CONSTRAINT effect_key UNIQUE (tenant_id, name, key);

ALTER TABLE ONLY kernel.effect
    ADD CONSTRAINT effect_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY kernel.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, principal, operation, key);

ALTER TABLE ONLY notify.delivery
    ADD CONSTRAINT delivery_once_per_channel UNIQUE (tenant_id, message_id, channel);

ALTER TABLE ONLY notify.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY notify.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (tenant_id, id);

CREATE INDEX entry_case ON audit.entry USING btree (tenant_id, case_id, at, id) WHERE (case_id IS NOT NULL);

CREATE INDEX entry_subject ON audit.entry USING btree (tenant_id, subject, at, id) WHERE (subject IS NOT NULL);

CREATE INDEX case_agency ON casework."case" USING btree (tenant_id, agency, id) WHERE (submitted_at IS NOT NULL);

CREATE INDEX case_applicant ON casework."case" USING btree (tenant_id, applicant, id);

CREATE INDEX case_assignee ON casework."case" USING btree (tenant_id, assignee, id) WHERE ((assignee IS NOT NULL) AND (NOT final));

CREATE INDEX case_open ON casework."case" USING btree (tenant_id, agency, assignee, waiting, id) WHERE ((submitted_at IS NOT NULL) AND (NOT final));

CREATE INDEX case_queue ON casework."case" USING btree (tenant_id, agency, waiting, id) WHERE ((submitted_at IS NOT NULL) AND (NOT final));

CREATE INDEX document_by_agency ON documents.document USING btree (tenant_id, agency, issued_at, id);

CREATE INDEX document_by_case ON documents.document USING btree (tenant_id, case_id, issued_at);

CREATE INDEX document_by_holder ON documents.document USING btree (tenant_id, holder, issued_at);

CREATE INDEX document_check_age ON documents.document_check USING btree (tenant_id, hour);

CREATE INDEX document_not_valid ON documents.document USING btree (tenant_id, status_index) WHERE (state = ANY (ARRAY['revoked'::text, 'superseded'::text]));

CREATE INDEX document_pending ON documents.document USING btree (tenant_id, id) WHERE (state = 'pending'::text);

CREATE UNIQUE INDEX document_reissued_once ON documents.document USING btree (tenant_id, reissue_of);

CREATE UNIQUE INDEX document_status_index_once ON documents.document USING btree (tenant_id, status_index);

CREATE INDEX file_to_renew ON documents.file USING btree (tenant_id, renew_before) WHERE (renew_before IS NOT NULL);

CREATE INDEX share_by_document ON documents.share USING btree (tenant_id, document_id, created_at);

CREATE INDEX login_end_idx ON identity.login USING btree (tenant_id, expires_at);

CREATE INDEX logout_token_end_idx ON identity.logout_token USING btree (tenant_id, expires_at);

CREATE INDEX session_end_idx ON identity.session USING btree (tenant_id, expires_at);

CREATE INDEX session_person_idx ON identity.session USING btree (tenant_id, person_id);

CREATE INDEX session_sid_idx ON identity.session USING btree (tenant_id, issuer, sid) WHERE (sid <> ''::text);

CREATE INDEX session_subject_idx ON identity.session USING btree (tenant_id, issuer, subject);

CREATE INDEX effect_case ON kernel.effect USING btree (tenant_id, case_id, id);

CREATE INDEX effect_next ON kernel.effect USING btree (tenant_id, due_at, not_before, id) WHERE (state = 'open'::text);

CREATE INDEX idempotency_age ON kernel.idempotency USING btree (tenant_id, created_at);

CREATE INDEX message_inbox ON notify.message USING btree (tenant_id, person, created_at, id);

CREATE INDEX message_unread ON notify.message USING btree (tenant_id, person) WHERE (read_at IS NULL);

ALTER TABLE ONLY casework.event
    ADD CONSTRAINT event_case_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES casework."case"(tenant_id, id);

ALTER TABLE ONLY documents.document_check
    ADD CONSTRAINT document_check_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document(tenant_id, id);

ALTER TABLE ONLY documents.file
    ADD CONSTRAINT file_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document(tenant_id, id);

ALTER TABLE ONLY documents.share
    ADD CONSTRAINT share_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document(tenant_id, id);

ALTER TABLE ONLY identity.session
    ADD CONSTRAINT session_person_fkey FOREIGN KEY (tenant_id, person_id) REFERENCES identity.person(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY notify.delivery
    ADD CONSTRAINT delivery_message_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES notify.message(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE audit.entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON audit.entry USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE casework."case" ENABLE ROW LEVEL SECURITY;

ALTER TABLE casework.event ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON casework."case" USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON casework.event USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE documents.document ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.document_check ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.file ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.halt ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.share ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON documents.document USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.document_check USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.file USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.halt USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.share USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE identity.login ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.logout_token ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.person ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.session ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON identity.login USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON identity.logout_token USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON identity.person USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON identity.session USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE kernel.effect ENABLE ROW LEVEL SECURITY;

ALTER TABLE kernel.idempotency ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON kernel.effect USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON kernel.idempotency USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE notify.delivery ENABLE ROW LEVEL SECURITY;

ALTER TABLE notify.message ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON notify.delivery USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON notify.message USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

GRANT USAGE ON SCHEMA audit TO townhall_rw;
GRANT USAGE ON SCHEMA audit TO townhall_ro;

GRANT USAGE ON SCHEMA casework TO townhall_rw;
GRANT USAGE ON SCHEMA casework TO townhall_ro;

GRANT USAGE ON SCHEMA documents TO townhall_rw;
GRANT USAGE ON SCHEMA documents TO townhall_ro;

GRANT USAGE ON SCHEMA identity TO townhall_rw;
GRANT USAGE ON SCHEMA identity TO townhall_ro;

GRANT USAGE ON SCHEMA kernel TO townhall_rw;
GRANT USAGE ON SCHEMA kernel TO townhall_ro;

GRANT USAGE ON SCHEMA notify TO townhall_rw;
GRANT USAGE ON SCHEMA notify TO townhall_ro;

GRANT SELECT ON TABLE audit.entry TO townhall_ro;
GRANT SELECT,INSERT ON TABLE audit.entry TO townhall_rw;

GRANT SELECT ON TABLE casework."case" TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE casework."case" TO townhall_rw;

GRANT SELECT ON TABLE casework.event TO townhall_ro;
GRANT SELECT,INSERT ON TABLE casework.event TO townhall_rw;

GRANT SELECT ON TABLE documents.document TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.document TO townhall_rw;

GRANT SELECT ON TABLE documents.document_check TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.document_check TO townhall_rw;

GRANT SELECT ON TABLE documents.file TO townhall_ro;
GRANT SELECT,INSERT ON TABLE documents.file TO townhall_rw;

GRANT SELECT ON TABLE documents.halt TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.halt TO townhall_rw;

GRANT SELECT ON TABLE documents.share TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.share TO townhall_rw;

GRANT SELECT ON TABLE identity.login TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.login TO townhall_rw;

GRANT SELECT ON TABLE identity.logout_token TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.logout_token TO townhall_rw;

GRANT SELECT ON TABLE identity.person TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.person TO townhall_rw;

GRANT SELECT ON TABLE identity.session TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.session TO townhall_rw;

GRANT SELECT ON TABLE kernel.effect TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE kernel.effect TO townhall_rw;

GRANT SELECT ON TABLE kernel.idempotency TO townhall_ro;
GRANT SELECT,INSERT,DELETE ON TABLE kernel.idempotency TO townhall_rw;

GRANT SELECT ON TABLE notify.delivery TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE notify.delivery TO townhall_rw;

GRANT SELECT ON TABLE notify.message TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE notify.message TO townhall_rw;
