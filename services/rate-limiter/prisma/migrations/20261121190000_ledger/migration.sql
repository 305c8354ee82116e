create table quota_log (
  org_id text not null,
  request_id text not null,
  user_id text not null,
  key_id text not null,
  tier text not null,
  model text not null,
  provider text not null,
  operation text not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cached_tokens bigint not null,
  estimated boolean not null,
  cost_micros numeric(24, 6) not null,
  reserved_tokens bigint not null,
  outcome text not null,
  at timestamptz(3) not null,
  primary key (org_id, request_id)
);
create index on quota_log (at);

create table usage_daily (
  org_id text not null,
  day date not null,
  model text not null,
  key_id text not null,
  user_id text not null,
  requests bigint not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cached_tokens bigint not null,
  cost_micros numeric(24, 6) not null,
  primary key (org_id, day, model, key_id, user_id)
);
create index on usage_daily (org_id, key_id, day);
create index on usage_daily (org_id, user_id, day);
