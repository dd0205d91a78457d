"""The names by which fields of exports are known, by role, in several languages and in the terms of many vendors."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Names by role, the most telling first; compared without case and marks, a path by its whole and by its end.
TIME = _words("""
    eventtime eventtimestamp timestamp activitytime occurredat createdat time ts datetime eventdatetime eventts loggedat
    requesttime starttime startedat servertime clienttime derivedtstamp collectortstamp originaltimestamp sentat
    receivedat at when endtime zeitpunkt zeitstempel datumzeit horodatage dateheure eventdate date datum day updatedat
    epoch timems tsms zeit fecha data created published start started timetimestamp completetimestamp
""")
#: The last part of names of times, which vendors put other words in front of: EdgeStartTimestamp, time_usec.
TIME_ENDINGS = _words("""
    timestamp time date at ts tstamp created start usec msec millis micros nanos epoch on
""")
CLOCK = ("time", "clock", "uhrzeit", "zeit", "heure", "hora", "ora", "timeofday", "eventclock")
USER = _words("""
    userid user uid customerid memberid accountid actorid personid playerid actormbox subscriberid employeeid distinctid
    clientid customer kundennr kundennummer kundenid kunde benutzerid benutzer nutzerid nutzer idclient client nclient
    noclient numeroclient utilisateur idutilisateur idusuario usuario idcliente cliente actor username login csusername
    actoraccountname email mbox authorid author profileid actorname profilename userfullname fullname useridentityarn
    caseid caseconceptname case
""")
#: Ids of browsers and devices, which identify a user who isn't known.
ANONYMOUS = _words("""
    cookie anonymousid userpseudoid visitorid domainuserid fullvisitorid deviceid cookieid mcvisid appinstanceid
    networkuserid amplitudeid clientid gaclientid visitor idvisitor clientipaddress clientip ipaddress useripaddress
    host remoteaddr cip ip
""")
TYPE = _words("""
    eventtype eventname event activitytype type action actiontype activity kind verb verbid verbdisplayenus
    eventcategory ereignis aktion typ vorgang evenement operation conceptname name category evento accion tipo
    dagstereventtype buchungstext method csmethod
""")
#: Fields that name what was done where the type of event is empty (Segment: a page's and a screen's calls have names).
TYPE_ELSE = ("eventname", "event", "name", "type", "action")
# Amplitude's event_id counts the events of a device; its $insert_id is the id.
ID = _words("""
    insertid eventid messageid id logid uuid eventuuid recordid requestid transactionid rowid statementid xedgerequestid
    traceid
""")
SESSION = _words("""
    sessionid usersession gasessionid domainsessionid session sessionuuid visitid idvisit sid registration
    externalsessionid
""")
PLATFORM = _words("""
    platform os osname operatingsystem devicetype dvcetype device devicecategory channel client apptype
    context_device_type
""")
IP = _words("""
    ipaddress ip clientip userip remoteaddr remoteaddress ipaddr sourceip useripaddress clientipaddress cip host visitip
""")
PAGE = _words("""
    webpage pageurl pagelocation currenturl page url path pagepath csuristem screen screenname productid itemid sku
    videoid contentid reponame repo artikelnr artikel article propertiesurl propertiespath requesturl requestpath
    mastermetadatatrackname trackname titleurl objectid pathname
""")
#: Names that mean this at the root of a record only.
OF_THE_ROOT = ("url", "path")
MINUTES = ("watchtimemin", "watchminutes", "watchtime", "minuteswatched", "minutes")
