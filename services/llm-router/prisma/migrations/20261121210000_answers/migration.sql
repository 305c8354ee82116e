-- Answers that may be said again. Prompts are not in it: `key` and `scope` are digests of them.
create table answers (
  org_id     text not null,
  -- Of the whole request and the organisation.
  key        text not null,
  -- Of all that must be the same for another question to have this answer. Null: it answers its own request alone.
  scope      text,
  -- No fixed dimension: each embedding model has its own, and the scope names it.
  embedding  vector,
  model      text not null,
  answer     text not null,
  kept_at    timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (org_id, key)
);
create index answers_by_scope on answers (org_id, scope) where scope is not null;
create index answers_by_age on answers (org_id, kept_at, key);
create index answers_by_end on answers (expires_at);
