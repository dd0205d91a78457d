"""Which hosts and names of sources are search engines, social networks, video sites and shops: an offline list.

Raise VERSION with every change: partitions made with another list are stale.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

Kind = Literal["search", "social", "video", "shopping"]
VERSION = "1"

#: A site a line: its name and, after it, other names (without a dot) and hosts (with one). A host stands for its
#: subdomains too; with `=` for itself alone, since mail.google.com is no search. `.*` is any top-level domain.
_SITES: dict[Kind, str] = {
    "search": """
        google =google.* =images.google.* com.google.android.googlequicksearchbox adwords googleads
        bing bing.com
        yahoo =yahoo.* =search.yahoo.* search.yahoo.com search.yahoo.co.jp
        duckduckgo ddg duckduckgo.com com.duckduckgo.mobile.android
        baidu =baidu.com =m.baidu.com
        yandex =yandex.* =ya.ru ru.yandex.searchplugin
        ecosia ecosia.org
        qwant qwant.com
        startpage startpage.com
        brave search.brave.com
        kagi kagi.com
        ask ask.com
        aol =aol.com search.aol.com
        naver =naver.com search.naver.com
        daum =daum.net search.daum.net
        seznam =seznam.cz search.seznam.cz
        sogou sogou.com
        360 =so.com =m.so.com
        mailru =go.mail.ru
        rambler nova.rambler.ru
        coccoc coccoc.com
        mojeek mojeek.com
        swisscows swisscows.com
        lilo lilo.org
        dogpile dogpile.com
        lycos search.lycos.com
        onet szukaj.onet.pl
        virgilio ricerca.virgilio.it
    """,
    "social": """
        facebook fb facebook.com fb.com fb.me messenger.com com.facebook.katana com.facebook.lite com.facebook.orca
        instagram ig instagram.com com.instagram.android
        threads threads.net threads.com
        twitter x twitter.com t.co x.com com.twitter.android
        linkedin linkedin.com lnkd.in com.linkedin.android
        pinterest pinterest.* pin.it com.pinterest
        reddit reddit.com redd.it com.reddit.frontpage
        tiktok tiktok.com com.zhiliaoapp.musically
        snapchat snapchat.com com.snapchat.android
        whatsapp whatsapp.com wa.me com.whatsapp
        telegram telegram.org telegram.me t.me org.telegram.messenger
        bluesky bsky bsky.app
        mastodon mastodon.social mastodon.online
        vk vkontakte vk.com com.vkontakte.android
        odnoklassniki ok.ru
        weibo weibo.com weibo.cn
        wechat weixin wechat.com weixin.qq.com
        tieba tieba.baidu.com
        line line.me jp.naver.line.android
        discord discord.com discord.gg
        tumblr tumblr.com
        quora quora.com
        xing xing.com
        nextdoor nextdoor.com
        hackernews news.ycombinator.com
        livejournal livejournal.com
        flipboard flipboard.com
        viadeo viadeo.com
        meetup meetup.com
        ameblo ameblo.jp
    """,
    "video": """
        youtube yt youtube.com youtu.be com.google.android.youtube
        vimeo vimeo.com
        dailymotion dailymotion.com
        twitch twitch.tv tv.twitch.android.app
        netflix netflix.com
        hulu hulu.com
        disneyplus disneyplus.com
        bilibili bilibili.com
        youku youku.com
        iqiyi iqiyi.com
        niconico nicovideo.jp
        rutube rutube.ru
        wistia wistia.com
    """,
    "shopping": """
        amazon amazon.* amzn.to amzn.eu
        ebay ebay.*
        google-shopping shopping.google.com
        etsy etsy.com
        walmart walmart.com
        aliexpress aliexpress.*
        alibaba alibaba.com
        taobao taobao.com
        tmall tmall.com
        jd jd.com
        shopify shopify.com shop.app
        mercadolibre mercadolibre.* mercadolivre.com.br
        rakuten rakuten.* rakuten.co.jp
        zalando zalando.*
        otto otto.de
        allegro allegro.pl
        cdiscount cdiscount.com
        idealo idealo.*
        flipkart flipkart.com
        temu temu.com
        shein shein.com
        target target.com
        bestbuy bestbuy.com
    """,
}
#: A top-level domain, or one below `.co` and `.com` of a country.
_TOP_LEVEL = re.compile(r"\.(?:[a-z]{2,3}|com?\.[a-z]{2})$")


@dataclass(frozen=True)
class Site:
    """A site that is known by name."""

    name: str
    kind: Kind


@cache
def _known() -> dict[str, Site]:
    return {
        entry: Site(line.split()[0], kind)
        for kind, lines in _SITES.items()
        for line in lines.split("\n")
        for entry in line.split()
    }


@lru_cache(maxsize=1 << 14)
def site_of(source: str) -> Site | None:
    """The known site of a host or of a source's name, both in lower case; None if it is unknown."""
    if "." not in source:
        return _known().get(source)
    labels = source.removeprefix("www.").split(".")
    for place in range(len(labels) - 1):  # the most of its labels that are known decide
        tail = ".".join(labels[place:])
        for name in (tail, _TOP_LEVEL.sub(".*", tail)):
            found = _known().get(name) or (_known().get(f"={name}") if place == 0 else None)
            if found:
                return found
    return None
