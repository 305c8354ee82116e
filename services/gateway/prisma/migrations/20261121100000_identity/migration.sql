ALTER TABLE "gateway"."organisations"
    ADD COLUMN "tier" TEXT NOT NULL DEFAULT 'default',
    ADD COLUMN "limits" JSONB NOT NULL DEFAULT '{}',
    ADD COLUMN "disabled_at" TIMESTAMPTZ(3);

CREATE TABLE "gateway"."users" (
    "org_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "limits" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "disabled_at" TIMESTAMPTZ(3),
    CONSTRAINT "users_pkey" PRIMARY KEY ("org_id", "id"),
    CONSTRAINT "users_org_id_fkey" FOREIGN KEY ("org_id") REFERENCES "gateway"."organisations"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- Keys from before there were users keep working: those named by them come into being.
INSERT INTO "gateway"."users" ("org_id", "id", "name")
    SELECT DISTINCT "org_id", "user_id", "user_id" FROM "gateway"."api_keys" WHERE "user_id" IS NOT NULL;

ALTER TABLE "gateway"."api_keys"
    ALTER COLUMN "tier" DROP NOT NULL,
    ADD COLUMN "scopes" TEXT[] NOT NULL DEFAULT '{inference,files,usage}',
    ADD COLUMN "models" JSONB,
    ADD COLUMN "limits" JSONB NOT NULL DEFAULT '{}',
    ADD COLUMN "require_signature" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "replaced_by" TEXT,
    ADD COLUMN "rotated_at" TIMESTAMPTZ(3),
    ADD COLUMN "last_used_at" TIMESTAMPTZ(3),
    ADD CONSTRAINT "api_keys_org_id_user_id_fkey" FOREIGN KEY ("org_id", "user_id") REFERENCES "gateway"."users"("org_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TABLE "gateway"."tiers" (
    "name" TEXT NOT NULL,
    "definition" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "tiers_pkey" PRIMARY KEY ("name")
);

CREATE TABLE "gateway"."audit_log" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_key_id" TEXT NOT NULL,
    "actor_user_id" TEXT NOT NULL,
    "actor_org_id" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target_kind" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "change" JSONB NOT NULL,
    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "audit_log_org_id_id_idx" ON "gateway"."audit_log"("org_id", "id");

CREATE FUNCTION "gateway"."refuse_change_of_audit_log"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows: % is refused', TG_OP;
END $$;

CREATE TRIGGER "audit_log_only_grows" BEFORE UPDATE OR DELETE OR TRUNCATE ON "gateway"."audit_log"
    FOR EACH STATEMENT EXECUTE FUNCTION "gateway"."refuse_change_of_audit_log"();

CREATE TABLE "gateway"."request_nonces" (
    "key_id" TEXT NOT NULL,
    "nonce" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "request_nonces_pkey" PRIMARY KEY ("key_id", "nonce")
);

CREATE INDEX "request_nonces_expires_at_idx" ON "gateway"."request_nonces"("expires_at");
