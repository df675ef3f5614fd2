-- What a domain knows of an account beside its password. Each default is "no restriction".
-- logon_hours: NULL, or 168 bits from Sunday 00-01 UTC on. workstations, networks: parts joined by commas, which neither can hold.

ALTER TABLE account ADD COLUMN logon_hours BLOB CHECK (logon_hours IS NULL OR length(logon_hours) = 21);
ALTER TABLE account ADD COLUMN workstations TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN networks TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN ntlm_allowed INTEGER NOT NULL DEFAULT 1 CHECK (ntlm_allowed IN (0, 1));
ALTER TABLE account ADD COLUMN canary INTEGER NOT NULL DEFAULT 0 CHECK (canary IN (0, 1));
-- 0: only an NT hash is known, as after an import.
ALTER TABLE account ADD COLUMN aes_keys INTEGER NOT NULL DEFAULT 1 CHECK (aes_keys IN (0, 1));
-- 1: the password before this one is not accepted, however young this one is.
ALTER TABLE account ADD COLUMN old_password_revoked INTEGER NOT NULL DEFAULT 0 CHECK (old_password_revoked IN (0, 1));
