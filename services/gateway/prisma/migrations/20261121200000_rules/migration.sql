CREATE TABLE "gateway"."content_rules" (
    "org_id" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "pattern" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "content_rules_pkey" PRIMARY KEY ("org_id", "id")
);

CREATE TABLE "gateway"."idempotency" (
    "org_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "lease_until" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "status" INTEGER,
    "headers" JSONB,
    "body" BYTEA,
    CONSTRAINT "idempotency_pkey" PRIMARY KEY ("org_id", "key")
);

CREATE INDEX "idempotency_expires_at_idx" ON "gateway"."idempotency"("expires_at");

CREATE INDEX "idempotency_owner_idx" ON "gateway"."idempotency"("owner") WHERE "state" = 'running';
