create table conversations (
  org_id text not null,
  id text not null,
  system_messages jsonb,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (org_id, id)
);

create table turns (
  id text primary key,
  number bigserial not null,
  org_id text not null,
  conversation_id text not null,
  request_id text not null,
  messages jsonb not null,
  citations jsonb not null,
  created_at timestamptz(3) not null,
  unique (org_id, request_id),
  foreign key (org_id, conversation_id) references conversations (org_id, id) on delete cascade
);
create index on turns (org_id, conversation_id, number);

create table usage (
  org_id text not null,
  request_id text not null,
  user_id text not null,
  key_id text not null,
  tier text not null,
  model text not null,
  provider text not null,
  prompt_tokens integer not null,
  completion_tokens integer not null,
  cached_tokens integer not null,
  estimated boolean not null,
  outcome text not null,
  safety text not null,
  created_at timestamptz(3) not null,
  primary key (org_id, request_id)
);

create table outbox (
  id bigserial primary key,
  events text not null,
  fresh text[],
  claimed_until timestamptz(3)
);
