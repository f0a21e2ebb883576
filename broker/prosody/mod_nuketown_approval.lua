-- Approval requests go to the approval broker of the account they are addressed to.
--
-- A message to a bare JID with <approval xmlns="urn:nuketown:approval"> is delivered to the
-- resources that advertise that namespace as a feature (XEP-0030, XEP-0115) and to no other.
-- Without such a resource it is an ordinary message whose body the chat client shows.
-- README.md says what happens in each case. Prosody 0.12 and 13.

local function library(name)
	local found, loaded = pcall(require, "prosody." .. name); -- the name since 13
	return found and loaded or require(name);
end

local cache = library "util.cache";
local calculate_hash = library "util.caps".calculate_hash;
local datetime = library "util.datetime";
local filters = library "util.filters";
local jid = library "util.jid";
local new_id = library "util.id".medium;
local st = library "util.stanza";

local full_sessions, bare_sessions = prosody.full_sessions, prosody.bare_sessions;

local xmlns_approval = "urn:nuketown:approval";
local xmlns_caps = "http://jabber.org/protocol/caps";
local xmlns_delay = "urn:xmpp:delay";
local xmlns_disco = "http://jabber.org/protocol/disco#info";
local xmlns_hints = "urn:xmpp:hints";
local xmlns_stanza_id = "urn:xmpp:sid:0";

local DISCO_TIMEOUT_S = 60;
local DEFAULT_TIMEOUT_S = 120; -- the broker's own default
local LONGEST_TIMEOUT_S = 3600; -- what a request may ask for at most
local CACHED_VERSIONS = 100;
local REMEMBERED_REQUESTS = 200;

-- After the archive (0), before carbons (-0.5) and delivery (-1): archived once, copied to nobody.
local AFTER_ARCHIVE = -0.25;
local BEFORE_ALL = 10;

-- "hash ver" -> whether that version advertises the feature; only what the hash proves.
local versions = cache.new(CACHED_VERSIONS);
-- session -> { version, advertises, asking }; gone with the session.
local resources = setmetatable({}, { __mode = "k" });
-- "sender account id" of requests that people were shown: they see the correction, too.
local shown = cache.new(REMEMBERED_REQUESTS);
-- Messages that a broker did not take and that go to the others now.
local given_back = setmetatable({}, { __mode = "k" });

-- Which kind of message of ours it is, if it is one.
local function payload(stanza)
	local kind = stanza.attr.type or "normal";
	if stanza.name ~= "message" or (kind ~= "chat" and kind ~= "normal") then return nil; end
	local found;
	for _, tag in ipairs(stanza.tags) do
		if tag.attr.xmlns == xmlns_approval and (tag.name == "approval" or tag.name == "approval-response") then
			if found then return nil; end -- two of them: malformed, so left alone
			found = tag;
		end
	end
	return found;
end

local function is_request(stanza)
	local found = payload(stanza);
	return found ~= nil and found.name == "approval";
end

-- Whoever asked does not wait any more: its id. The body corrects what was shown.
local function withdrawn(stanza)
	local kind = stanza.attr.type or "normal";
	if stanza.name ~= "message" or (kind ~= "chat" and kind ~= "normal") or payload(stanza) then return nil; end
	local found = stanza:get_child("approval-withdrawn", xmlns_approval);
	return found and found.attr.id;
end

-- What is for the brokers: requests, and their withdrawals.
local function is_for_brokers(stanza)
	return is_request(stanza) or withdrawn(stanza) ~= nil;
end

local function is_response(stanza)
	local found = payload(stanza);
	return found ~= nil and found.name == "approval-response";
end

-- What a resource can do ----------------------------------------------------------------------

local function advertises_feature(query)
	for feature in query:childtags("feature") do
		if feature.attr.var == xmlns_approval then return true; end
	end
	return false;
end

-- The hash input of XEP-0115 has no quoting: a data form can pose as a feature, and so can a "<".
-- What could be read in two ways is not kept, or one account could spoil what others are found by.
local function proves(query, hash, ver)
	if hash ~= "sha-1" or not ver or query:get_child("x", "jabber:x:data") then return false; end
	for _, tag in ipairs(query.tags) do
		for _, value in pairs(tag.attr) do
			if value:find("<", 1, true) then return false; end
		end
	end
	return calculate_hash(query) == ver;
end

local ask;

local function answered(session, state, caps, query)
	state.asking = nil;
	if resources[session] ~= state or full_sessions[session.full_jid] ~= session then return; end
	if query and caps.key and proves(query, caps.hash, caps.ver) then
		versions:set(caps.key, advertises_feature(query));
	end
	if state.caps.key ~= caps.key then
		ask(session, state); -- it changed while we asked
		return;
	end
	state.advertises = query ~= nil and advertises_feature(query);
	module:log("debug", "%s %s approval requests", session.full_jid, state.advertises and "takes" or "does not take");
end

-- One question at a time for each session, however often its capabilities change.
function ask(session, state)
	local caps = state.caps;
	local known = caps.key and versions:get(caps.key);
	if known ~= nil then
		state.advertises = known;
		return;
	end
	if state.asking then return; end
	state.asking = true;
	local iq = st.iq({ type = "get", id = new_id(), from = module.host, to = session.full_jid })
		:tag("query", { xmlns = xmlns_disco, node = caps.key and caps.node .. "#" .. caps.ver or nil });
	module:send_iq(iq, nil, DISCO_TIMEOUT_S):next(function(event)
		answered(session, state, caps, event.stanza:get_child("query", xmlns_disco));
	end, function()
		answered(session, state, caps, nil);
	end):catch(function(problem)
		module:log("error", "Could not learn what %s can do: %s", session.full_jid, problem);
	end);
end

local function capabilities(presence)
	local c = presence:get_child("c", xmlns_caps);
	local attr = c and c.attr;
	if not attr or not attr.hash or not attr.ver or not attr.node then return nil; end
	return { key = attr.hash .. " " .. attr.ver, hash = attr.hash, ver = attr.ver, node = attr.node };
end

local function learn(session, presence)
	local state, caps = resources[session], capabilities(presence);
	-- Presence without capabilities says nothing new of a resource that was asked already.
	if state and (not caps or caps.key == state.caps.key) then return; end
	if not state then
		state = { advertises = false };
		resources[session] = state;
	end
	state.caps = caps or {};
	ask(session, state);
end

module:hook("presence/bare", function(event)
	local session, stanza = event.origin, event.stanza;
	if stanza.attr.to or not session.full_jid then return; end -- not the session's own
	if stanza.attr.type == "unavailable" then
		resources[session] = nil;
	elseif stanza.attr.type == nil then
		learn(session, stanza);
	end
end, BEFORE_ALL);

-- Where requests go ---------------------------------------------------------------------------

-- The account's available resources that advertise the feature: connected, and waiting to resume.
local function brokers(account)
	local connected, waiting = {}, {};
	local user = bare_sessions[account];
	for _, session in pairs(user and user.sessions or {}) do
		local state = resources[session];
		if session.presence and state and state.advertises then
			table.insert(session.hibernating and waiting or connected, session);
		end
	end
	return connected, waiting;
end

local function deliver(session, stanza)
	local copy = st.clone(stanza);
	copy.attr.to = session.full_jid;
	return session.send(copy);
end

-- What a broker says to its own account is for the people there: its notices.
local function is_notice(origin, account)
	local state = resources[origin];
	return state ~= nil and state.advertises and jid.bare(origin.full_jid) == account;
end

local function addressee(event)
	local origin = event.origin;
	return event.stanza.attr.to or (origin.username .. "@" .. origin.host); -- none: to oneself
end

local function request_key(stanza, account, id)
	return jid.bare(stanza.attr.from or account) .. " " .. account .. " " .. id;
end

local function remember_shown(stanza, account)
	local request = payload(stanza);
	if request and request.attr.id then shown:set(request_key(stanza, account, request.attr.id), true); end
end

-- May people have seen the request that this withdraws?
local function was_shown(stanza, account)
	local id = withdrawn(stanza);
	return id ~= nil and shown:get(request_key(stanza, account, id)) ~= nil;
end

-- Before the archive: it may put another stanza into the event.
module:hook("message/bare", function(event)
	event.nuketown_given_back = given_back[event.stanza];
end, BEFORE_ALL);

module:hook("message/bare", function(event)
	local stanza = event.stanza;
	if event.nuketown_given_back or not is_for_brokers(stanza) then return; end
	local account = addressee(event);
	if is_notice(event.origin, account) then return; end
	local connected, waiting = brokers(account);
	local taken = false;
	for _, session in ipairs(connected) do
		taken = deliver(session, stanza) or taken;
	end
	for _, session in ipairs(waiting) do
		-- It gets this if it resumes, but nobody knows whether: the people get it now.
		if taken or session.priority < 0 then deliver(session, stanza); end
	end
	if taken and not was_shown(stanza, account) then return true; end
	remember_shown(stanza, account);
end, AFTER_ARCHIVE);

-- The sender's other clients get copies of what it sends; from one's own account that is us, too.
module:hook("carbons-should-copy", function(event)
	local stanza, session = event.stanza, event.session;
	if not is_for_brokers(stanza) or not (session and session.full_jid) then return; end
	local account = jid.bare(session.full_jid);
	if (stanza.attr.to or account) ~= account or is_notice(session, account) then return; end
	if #(brokers(account)) > 0 and not was_shown(stanza, account) then
		event.reason = "approval request";
		return false;
	end
end, BEFORE_ALL);

-- A broker lost its connection with requests that it never acknowledged.
local function give_back(stanza)
	local account = jid.bare(stanza.attr.to);
	local copy = st.clone(stanza);
	copy.attr.to = account;
	copy:maptags(function(tag) -- it is in the archive already
		return not (tag.name == "stanza-id" and tag.attr.xmlns == xmlns_stanza_id) and tag or nil;
	end);
	copy:tag("no-store", { xmlns = xmlns_hints }):up();
	module:add_timer(0, function() -- when the session is gone
		if #(brokers(account)) > 0 then return; end -- another broker has it
		given_back[copy] = true;
		remember_shown(copy, account);
		module:send(copy);
	end);
end

local function expired(stanza, received)
	local request = payload(stanza);
	local now = os.time();
	local expires = tonumber(request:get_child_text("expires"));
	local timeout = tonumber(request:get_child_text("timeout")) or DEFAULT_TIMEOUT_S;
	if expires and now >= expires then return true; end
	return received ~= nil and now >= received + math.min(timeout, LONGEST_TIMEOUT_S);
end

local function received_at(stanza, by)
	local received;
	for delay in stanza:childtags("delay", xmlns_delay) do
		if delay.attr.from == by then received = datetime.parse(delay.attr.stamp); end
	end
	return received;
end

local function is_overdue(stanza, by)
	return is_request(stanza) and expired(stanza, received_at(stanza, by));
end

module:hook("smacks-hibernation-start", function(event)
	local session = event.origin;
	local state = resources[session];
	if not (state and state.advertises) then return; end
	for _, stanza in ipairs(event.queue or {}) do
		if is_for_brokers(stanza) and not is_overdue(stanza, jid.bare(session.full_jid)) then give_back(stanza); end
	end
end);

module:hook("delivery/failure", function(event)
	local session, stanza = event.session, event.stanza;
	if not session.full_jid then return; end
	if is_response(stanza) then return false; end -- the sender gets an error, nobody else the response
	if not is_for_brokers(stanza) then return; end
	local state = resources[session];
	if not (state and state.advertises) then return; end
	-- What waited for it to resume was shown to the people when it went.
	if not session.hibernating and not is_overdue(stanza, jid.bare(session.full_jid)) then give_back(stanza); end
	return true;
end, BEFORE_ALL);

-- Responses -----------------------------------------------------------------------------------

-- To the resource that asked. Ordinary messages to one that is gone go to the account's others.
module:hook("message/full", function(event)
	local origin, stanza = event.origin, event.stanza;
	if not is_response(stanza) then return; end
	local session = full_sessions[stanza.attr.to];
	if not (session and session.send(stanza)) then
		origin.send(st.error_reply(stanza, "cancel", "recipient-unavailable"));
	end
	return true;
end, AFTER_ARCHIVE);

-- Offline storage -----------------------------------------------------------------------------

local function drop_overdue(stanza, session)
	if st.is_stanza(stanza) and is_overdue(stanza, session.host) then
		module:log("debug", "An approval request for %s is past its timeout", session.full_jid);
		return nil;
	end
	return stanza;
end

-- The filter is there only while the stored messages are sent, and before they count as sent.
module:hook("message/offline/broadcast", function(event)
	local session = event.origin;
	if event.nuketown_filtered then return; end
	event.nuketown_filtered = true;
	filters.add_filter(session, "stanzas/out", drop_overdue, BEFORE_ALL);
	local result = module:fire_event("message/offline/broadcast", event);
	filters.remove_filter(session, "stanzas/out", drop_overdue);
	return result == nil or result; -- the others have run
end, BEFORE_ALL);

-- Loaded into a running server: ask those who are there.
function module.load()
	for _, session in pairs(full_sessions) do
		if session.host == module.host and session.presence then learn(session, session.presence); end
	end
end

function module.unload()
	for session in pairs(resources) do
		filters.remove_filter(session, "stanzas/out", drop_overdue);
	end
end
