create table overrides (
  kind text not null,
  name text not null,
  definition jsonb not null,
  updated_at timestamptz(3) not null,
  updated_by text not null,
  primary key (kind, name)
);
